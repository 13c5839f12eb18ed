import { hasControl, refused } from "../context.ts";
import type { Escaped, EscapingContext } from "../context.ts";

/** Owner, question and type: what follows is the value. */
const VALUE_START = /^\s*[^\s#]\S*\s+\S+\s+\S+\s/;

const COMMENT = /^\s*#/;

/** What the parser joins a line with the next one at. */
const CONTINUATION = /\\\r?\n/g;

/**
 * Debian preseed files as debconf-set-selections reads them:
 * `OWNER QUESTION TYPE VALUE`, one a line, the value reaching from the one
 * blank behind the type to the end of the line. It has no quotes and no
 * escapes; a final backslash joins the next line. Blanks around a value are
 * read differently by debconf and by the installer's own, smaller reader.
 */
export const preseed: EscapingContext = {
  title: "a preseed file",
  open() {
    /** Stands for the line so far, as the parser joins it. */
    let line = "";
    return {
      literal(text) {
        // A backslash before and a line end now make one line of two, as well.
        const open = openEnd(line);
        const more = (open + text).replace(CONTINUATION, "");
        const start = more.lastIndexOf("\n") + 1;
        line = essence(start === 0 ? line.slice(0, line.length - open.length) + more : more.slice(start));
        return { problem: null, region: start === 0 ? null : text.length - lineStart(text, open) };
      },
      slot() {
        const before = line;
        const inComment = COMMENT.test(before);
        if (!inComment && !VALUE_START.test(before)) {
          const kindOf = (text: string): string => essence(before + text);
          return { encode: (value) => encodeWord(String(value), before), kindOf };
        }
        const afterBackslash = !inComment && before.endsWith("\\");
        const after = essence(`${before}-`);
        return {
          encode: (value) => encodeText(String(value), inComment, afterBackslash),
          kindOf: (text) => (text === "" ? before : after),
        };
      },
      take: (next) => void (line = next),
      save: () => line,
      restore: (saved) => void (line = saved),
      embed: () =>
        VALUE_START.test(line)
          ? { kind: "through", before: valueOf }
          : refused("another language stands in the value of a question only"),
    };
  },
};

/** What a line holds of a value. */
function valueOf(region: string): string {
  return region.replace(CONTINUATION, "").replace(VALUE_START, "");
}

/** Where the last line starts that is not joined to the one before. */
function lineStart(text: string, open: string): number {
  let start = 0;
  for (const { index } of (open + text).matchAll(/(?<!\\\r?)\n/g)) start = index + 1;
  return start - open.length;
}

/**
 * The line that stands for another: of a comment and of a value matters only
 * whether a line end behind it would be joined, the words before a value are
 * kept as they are.
 */
function essence(line: string): string {
  const isComment = COMMENT.test(line);
  return isComment || VALUE_START.test(line) ? `${isComment ? "#" : "a b c "}${openEnd(line)}` : line;
}

/** The end of a line that a line end would make a continued one. */
function openEnd(line: string): string {
  return /\\\r?$/.exec(line)?.[0] ?? "";
}

/** Most values there are: printable, without backslashes and without blanks at either end. */
const HARMLESS = /^[!-[\]-~](?:[ -[\]-~]*[!-[\]-~])?$/;

/** @param inComment where debconf reads nothing */
function encodeText(value: string, inComment: boolean, afterBackslash: boolean): Escaped {
  if (!afterBackslash && HARMLESS.test(value)) return value;
  if (hasControl(value)) return refused("a preseed value is one line without control characters");
  if (value.endsWith("\\")) return refused("a final backslash would join the next line");
  if (value !== value.trim()) return refused("a preseed value cannot start or end with white space");
  return !inComment && (value.includes("\\n") || (afterBackslash && value.startsWith("n")))
    ? refused("debconf's database reads \\n as a line end")
    : value;
}

/** Owner, question or type. */
function encodeWord(value: string, line: string): Escaped {
  const result = encodeText(value, false, line.endsWith("\\"));
  if (typeof result !== "string") return result;
  if (value === "" || /\s/.test(value)) {
    return refused("owner, question and type are words without white space");
  }
  return line.trim() === "" && value.startsWith("#") ? refused("a # here starts a comment") : value;
}
