import { hasControl, obstacle, quotedSlotOf, refused, slotOf } from "../context.ts";
import type { Escaped, EscapingContext, Scalar } from "../context.ts";
import { createYamlScanner } from "./yaml-scanner.ts";
import type { YamlPlace } from "./yaml-scanner.ts";

/**
 * YAML, as autoinstall and cloud-config files are: written so that YAML 1.2
 * and PyYAML's 1.1 read the same. A value in the place of a node becomes a
 * double-quoted scalar, or a number or boolean where it is one; inside quotes
 * of the author's it is escaped for them; a block scalar carries one line.
 */
export const yaml: EscapingContext = {
  title: "YAML",
  open() {
    const scanner = createYamlScanner();
    return {
      literal: (text) => scanner.feed(text),
      slot() {
        const place = scanner.place();
        switch (place.kind) {
          case "obstacle":
            return obstacle(place.reason);
          case "node":
            return NODE;
          case "double": {
            const { startsLine, column } = place;
            return quotedSlotOf((value) =>
              value === "" && startsLine ? refused(EMPTY_LINE) : escapeDouble(String(value), column === 0),
            );
          }
          case "single":
          case "block":
          case "comment":
            return quotedSlotOf((value) => encodePlain(String(value), place));
        }
      },
      take: (kind) => scanner.takeValue(kind),
      save: () => scanner.save(),
      restore: (state) => scanner.restore(state),
      embed() {
        // Asked first: where a section's tag has a line of its own, the indentation comes after it.
        const block = scanner.openBlock();
        if (block !== null) {
          return block.folded
            ? refused("a folded scalar joins lines: use |")
            : { kind: "through", before: (region) => region };
        }
        const place = scanner.place();
        switch (place.kind) {
          case "node":
            return { kind: "whole" };
          case "double":
          case "single":
            return place.first ? { kind: "whole" } : refused("it must be the first thing in its quotes");
          case "block":
          case "comment":
            return refused(`it stands in a ${place.kind}`);
          case "obstacle":
            return refused(place.reason);
        }
      },
    };
  },
};

const NODE = slotOf((value) => formatNode(value));

const EMPTY_LINE = "an empty line inside quotes is read as a line end";

/** A line end to some version of YAML, or not printable in one; also the byte order mark. */
function hasUnprintable(text: string): boolean {
  return hasControl(text) || /[\ufeff\ufffe\uffff]/.test(text);
}

function encodePlain(text: string, place: YamlPlace): Escaped {
  const problem = hasUnprintable(text)
    ? "only double quotes carry control characters and line ends"
    : plainProblem(text, place);
  if (problem !== null) return refused(problem);
  return place.kind === "single" ? text.replaceAll("'", "''") : text;
}

function plainProblem(text: string, place: YamlPlace): string | null {
  if (place.kind === "single") {
    if (text === "" && place.startsLine) return EMPTY_LINE;
    if (text !== text.trim())
      return "single quotes do not always keep blanks at either end: use double quotes";
    if (place.column === 0 && /^(?:---|\.\.\.)/.test(text))
      return "it could be read as the end of the document";
  }
  if (place.kind === "block" && place.startsLine && (text === "" || /^\s/.test(text))) {
    return "a line of a block scalar starts with its text";
  }
  return null;
}

function formatNode(value: Scalar): string {
  if (typeof value === "string") return `"${escapeDouble(value, false)}"`;
  if (typeof value === "boolean" || Number.isSafeInteger(value)) return String(value);
  // YAML 1.1 knows a float by its dot.
  const [mantissa, exponent] = String(value).split("e") as [string, string?];
  const dotted = mantissa.includes(".") ? mantissa : `${mantissa}.0`;
  return exponent === undefined ? dotted : `${dotted}e${exponent}`;
}

/** @param atLineStart whether `---` here would end the document */
function escapeDouble(text: string, atLineStart: boolean): string {
  const body = NEEDS_ESCAPE.test(text) ? text.replace(ESCAPED, escapeFound) : text;
  return atLineStart && /^[-.]/.test(body) ? escapeChar(body[0]!) + body.slice(1) : body;
}

/** All that is special or not printable, and blanks at either end, which line folding would drop. */
// oxlint-disable-next-line no-control-regex
const NEEDS_ESCAPE = /["\\\u0000-\u001f\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]|^ | $/;
// oxlint-disable-next-line no-control-regex
const ESCAPED = /^[ ]+|[ ]+$|["\\\u0000-\u001f\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g;

function escapeFound(found: string): string {
  return Array.from(found, (char) => escapeChar(char)).join("");
}

function escapeChar(char: string): string {
  if (char === '"' || char === "\\") return `\\${char}`;
  const code = char.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}
