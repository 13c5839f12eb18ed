import type { ContextName } from "../../../../core/render/contexts.ts";
import { parseInlineTemplate } from "../../../../core/render/parse.ts";
import { TemplateError } from "../../../../core/render/problems.ts";
import { renderTemplate } from "../../../../core/render/render.ts";
import { jsonParse, pxelinuxPort, yamlPackage } from "./in-process.ts";
import { pythonReader } from "./python.ts";
import type { Reader } from "./reader.ts";
import { createRandom } from "./values.ts";

/** Pieces of a language that its author's text is put together from, at random. */
export type Surroundings = {
  readonly context: ContextName;
  readonly pieces: readonly string[];
  /** What the random text stands between, so that enough of it can be parsed. */
  readonly frames: readonly (readonly [string, string])[];
  readonly evil: readonly string[];
  readonly reader: Reader;
};

const MARK = "Qq7";
/** Other delimiters, so that braces in the text are no tags. */
const VALUE = "<% x %>";
const QUOTES = ['"', "'", "\\", "a", "b", " ", "\n", "#", " # "];

export const SURROUNDINGS: readonly Surroundings[] = (
  [
    ["cloud-config", yamlPackage],
    ["cloud-config", pythonReader("yaml", "PyYAML")],
  ] as const
)
  .map(([context, reader]): Surroundings => ({
    context,
    reader,
    frames: [["", ""]],
    pieces: [
      ...QUOTES,
      "a: ",
      "b:",
      "- ",
      "-",
      "? ",
      "  ",
      "    ",
      "\n  ",
      "\n- ",
      "\na: ",
      "\n  b: ",
      "|\n  ",
      ">-\n  ",
      "|2\n",
      "[",
      "]",
      "{",
      "}",
      ", ",
      ": ",
      "!!str ",
      "&k ",
      "*k",
      "---\n",
      "...\n",
      "%x",
      "\t",
      "'' ",
      "é",
      "x: y",
    ],
    evil: [
      "a: b",
      "- c",
      '"',
      "'",
      "\\",
      " #d",
      "x\ny: z",
      "]",
      "}, {",
      "",
      " ",
      "---",
      "true",
      "|",
      "key: [",
      "😀",
    ],
  }))
  .concat([
    {
      context: "ignition",
      reader: jsonParse,
      frames: [
        ["", ""],
        ["[", "]"],
        ['{"f": ', "}"],
        ['["', '"]'],
        ['{"', '": 1}'],
      ],
      pieces: [
        ...QUOTES,
        "1,",
        '"t", ',
        '"k": ',
        "[]",
        "{}",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"a":',
        '"b": ',
        "1",
        "true",
        "\\u00",
        '\\"',
        '"c"',
      ],
      evil: ['"', "\\", '","x":"', "}", "", "\n", "41", "n"],
    },
    {
      context: "toml",
      reader: pythonReader("toml", "tomllib"),
      frames: [
        ["", ""],
        ["f = [", "]\n"],
        ["f = ", "\n"],
        ['f = "', '"\n'],
        ["f = { g = ", " }"],
      ],
      pieces: [
        ...QUOTES,
        "a = ",
        "b = ",
        "\nc = ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ",",
        "=",
        ".",
        '"""',
        "'''",
        "[t]\n",
        "[[u]]\n",
        "\\u00",
        "1",
        "1979-05-27",
        "é",
      ],
      evil: ['"', "'", "\\", "\n", '"\nz = "', "''", '"""', "# c", "", "41", "]"],
    },
    {
      context: "unattend",
      reader: pythonReader("xml", "expat"),
      frames: [
        ["<r>", "</r>"],
        ["<r><!--", "--></r>"],
        ["<r><![CDATA[", "]]></r>"],
        ['<r a="', '"/>'],
        ["<r a='", "'>t</r>"],
      ],
      pieces: [
        "<e>t</e>",
        "<e/>",
        "<!-- c -->",
        "<![CDATA[c]]>",
        "<?p c?>",
        "t",
        " b='c'",
        "<a>",
        "</a>",
        "<b c=",
        "<d>",
        "</d>",
        '"',
        "'",
        ">",
        "/>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?p ",
        "?>",
        "&amp;",
        "&",
        ";",
        " ",
        "\n",
        "t",
        "<",
        "]",
        "-",
      ],
      evil: ["<", "</a>", '"', "'", "]]>", "-->", "--", "&", "&lt;", "amp;", "?>", "", "\n", "\r", " "],
    },
    {
      context: "kickstart",
      reader: pythonReader("kickstart", "port of pykickstart"),
      frames: [["", ""]],
      pieces: [
        ...QUOTES,
        "lang ",
        "--x=",
        "\nurl ",
        "%packages\n",
        "\n%end\n",
        "%post --interpreter=/bin/x\n",
        "%addon y\n",
        "\t",
        "é",
      ],
      evil: ["'", '"', "\\", " ", "#", "-x", "", "%end", "a b", "$x", "'\"'"],
    },
    {
      context: "pxelinux",
      reader: pxelinuxPort,
      frames: [["", ""]],
      pieces: [
        "LABEL ",
        "KERNEL ",
        "APPEND ",
        "MENU LABEL ",
        "MENU TITLE ",
        "TEXT HELP\n",
        "ENDTEXT\n",
        "INITRD ",
        "SAY ",
        "\n",
        " ",
        "a",
        "b",
        "#",
        '"',
        "=",
        "$",
      ],
      evil: [" ", "a b", "^", "\n", "", "#", "-", "ENDTEXT", ","],
    },
  ]);

/**
 * Puts random text of a language around a value and compares: where a parser
 * reads a plain word there, it must read any other value at the same places,
 * and nothing else may change. Returns what differed.
 */
export function checkSurroundings(
  { context, frames, pieces, evil, reader }: Surroundings,
  runs: number,
  seed: number,
): { readonly compared: number; readonly failures: readonly string[] } {
  const random = createRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const some = (most: number): string =>
    Array.from({ length: Math.floor(random() * most) }, () => pick(pieces)).join("");
  const pairs: { plain: string; evil: string; value: string }[] = [];
  for (let run = 0; run < runs; run++) {
    const [open, close] = pick(frames);
    const second = random() < 0.2 ? VALUE : "";
    const body = `{{=<% %>=}}${open}${some(9)}${VALUE}${some(5)}${second}${some(3)}${close}`;
    const template = parse(context, body);
    if (template === null) continue;
    const plain = attempt(() => renderTemplate(template, { x: MARK }, { name: "t" }));
    const value = pick(evil);
    const other = attempt(() => renderTemplate(template, { x: value }, { name: "t" }));
    if (plain !== null && other !== null) pairs.push({ plain, evil: other, value });
  }
  const readings = reader.read(
    pairs.flatMap(({ plain, evil }) => [plain, evil]),
    [],
  );
  const failures: string[] = [];
  let compared = 0;
  for (const [index, { plain, evil, value }] of pairs.entries()) {
    const expected = readings[2 * index]!;
    const found = readings[2 * index + 1]!;
    // What is no text of the language with a plain word in it is the author's mistake.
    if (!Array.isArray(expected)) continue;
    compared += 1;
    const replaced = expected.map((leaf: string) => leaf.replaceAll(MARK, () => value));
    if (JSON.stringify(replaced) !== JSON.stringify(found)) {
      failures.push(JSON.stringify({ plain, evil, replaced, found }));
    }
  }
  return { compared, failures };
}

function parse(context: ContextName, body: string) {
  return attempt(() => parseInlineTemplate(context, body));
}

function attempt<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof TemplateError) return null;
    throw error;
  }
}
