import type { ContextName } from "../../../core/render/contexts.ts";

const ANY = ['"', "'", "\\", "a", " ", "\n", "#", " # ", "%", "$", "-", ":", ",", "\t", "é"];

const YAML = [
  ...ANY,
  ...[
    "a: ",
    "b:\n",
    "- ",
    "? ",
    "  ",
    "\n  ",
    "\n- ",
    "\na: ",
    "|\n  ",
    ">-\n  ",
    "|2\n",
    "[",
    "]",
    "{",
    "}",
  ],
  ...[", ", ": ", "!!str ", "&k ", "---\n", "...\n", "'' ", '"" ', "- |\n  ", "\n    "],
];

const XML = [
  ...ANY,
  ...[
    "<e>",
    "</e>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?p ",
    "?>",
    " b='",
    '<c d="',
    "&amp;",
    "&",
    ";",
    "]",
  ],
  ...[">", "<", "<!DOCTYPE a ["],
];

/** Of each language, what its lexers take for more than text: to put texts together from, at random. */
export const PIECES: Readonly<Record<ContextName, readonly string[]>> = {
  autoinstall: YAML,
  "cloud-config": YAML,
  autoyast: XML,
  unattend: XML,
  ignition: [...ANY, "1,", '"t", ', '"k": ', "{", "}", "[", "]", "\\u00", '\\"'],
  toml: [...ANY, "a = ", "\nb = ", "[", "]", "{", "}", ", ", "=", '"""', "'''", "[t]\n", "\\u00"],
  kickstart: [
    ...ANY,
    ...["lang ", "--x=", "\nurl ", "%packages\n", "\n%end\n", "%end ", "\n%post\n", "%addon y\n", "echo "],
    ...["%post --interpreter=/bin/x\n", "%post --interpreter=", "cat <<EOF ", "EOF\n"],
  ],
  preseed: [...ANY, "d-i a/b string ", "\nd-i c/d ", "\\\n", "# ", "\r\n", "\r", "\\n", "n", " \\\n "],
  shell: [
    ...ANY,
    ...[
      "$(",
      ")",
      "`",
      "<<E\n",
      "\nE\n",
      "<<-'E' ",
      "${a:-",
      "}",
      "$((",
      "))",
      "case ",
      ";",
      "echo ",
      "|",
      "<",
    ],
    ...["(", "'a'", '"b"'],
  ],
  "kernel-args": [...ANY, "a=", " b", "||", "&", ";", "${", "}", "{"],
  ipxe: [...ANY, "set ", "a=", "||", "&&", ";", "${", "}", "{"],
  grub: [...ANY, "linux /k ", "${", "}", ";", "|", "{"],
  pxelinux: [
    ...ANY,
    ...[
      "LABEL ",
      "APPEND ",
      "MENU LABEL ",
      "MENU TITLE ",
      "TEXT HELP\n",
      "ENDTEXT\n",
      "INITRD ",
      "SAY ",
      "=",
    ],
  ],
};
