/**
 * What PXELINUX makes of a configuration, ported from syslinux' com32/elflink/
 * ldlinux/readconfig.c (parse_config_file): the directive of each line, in
 * lower case, with its operand; lines longer than its buffer fall apart.
 */
export type PxelinuxLine = { readonly directive: string; readonly operand: string };

const MAX_LINE = 4096;
/** Directives whose operand is one word (refdup_word); the others' is the rest of the line. */
const ONE_WORD = new Set(["label", "include", "menu background", "display", "font"]);

export function parsePxelinux(text: string): PxelinuxLine[] {
  const found: PxelinuxLine[] = [];
  let help: string[] | null = null;
  for (const line of readLines(text)) {
    const rest = skipSpace(line.replace(/[\r\n][^]*$/, ""));
    const [first, operand] = splitWord(rest);
    if (help !== null) {
      if (first === "endtext") help = null;
      else help.push(line);
    } else if (first === "menu") {
      const [second, menuOperand] = splitWord(operand);
      found.push(entry(`menu ${second}`, second === "label" ? menuOperand.replaceAll("^", "") : menuOperand));
    } else if (first === "text") help = [];
    else if (rest !== "" && !first.startsWith("#")) found.push(entry(first, operand));
  }
  return found;
}

function entry(directive: string, operand: string): PxelinuxLine {
  return {
    directive,
    operand: ONE_WORD.has(directive) ? (/^[^\0-\x20]*/.exec(operand)?.[0] ?? "") : operand,
  };
}

/** fgets() with a buffer of MAX_LINE, over bytes. */
function* readLines(text: string): Generator<string> {
  let bytes = Buffer.from(text, "utf8");
  while (bytes.length > 0) {
    const end = bytes.indexOf(10) + 1;
    const length = Math.min(end === 0 ? bytes.length : end, MAX_LINE - 1);
    // A C string ends at a NUL.
    yield bytes
      .subarray(0, length)
      .toString("utf8")
      .replace(/\0[^]*$/, "");
    bytes = bytes.subarray(length);
  }
}

/** my_isspace(): every character up to the blank. */
function skipSpace(text: string): string {
  return text.replace(/^[\0-\x20]+/, "");
}

function splitWord(text: string): [string, string] {
  const word = /^[^\0-\x20]*/.exec(text)![0];
  return [word.toLowerCase(), skipSpace(text.slice(word.length))];
}
