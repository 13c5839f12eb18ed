import { escaped, hasControl, refused } from "../context.ts";
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
    let settled = false;
    const fedQuoted = (text: string): Escaped => {
      scanner.feedQuoted(text);
      return escaped(text);
    };
    return {
      literal: (text) => scanner.feed(text),
      value(value) {
        const place = scanner.place();
        settled = false;
        const text = String(value);
        switch (place.kind) {
          case "obstacle":
            return refused(place.reason);
          case "node": {
            const node = formatNode(value);
            settled = scanner.feedNode(node);
            return escaped(node);
          }
          case "double":
            if (text === "" && place.startsLine) return refused(EMPTY_LINE);
            return fedQuoted(escapeDouble(text, place.column === 0));
          case "single":
          case "block":
          case "comment": {
            const problem = hasUnprintable(text)
              ? "only double quotes carry control characters and line ends"
              : plainProblem(text, place);
            if (problem !== null) return refused(problem);
            if (place.kind === "single") return fedQuoted(text.replaceAll("'", "''"));
            scanner.feed(text);
            return escaped(text);
          }
        }
      },
      isSettled: () => settled,
      save: () => scanner.save(),
      restore: (saved, text) => scanner.restore({ state: saved.state, since: saved.since ?? 0 }, text),
      embed() {
        // Asked first: where a section's tag has a line of its own, the indentation comes after it.
        const block = scanner.openBlock();
        if (block !== null) {
          return block.folded
            ? refused("a folded scalar joins lines: use |")
            : { kind: "through", before: block.text };
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

const EMPTY_LINE = "an empty line inside quotes is read as a line end";

/** A line end to some version of YAML, or not printable in one; also the byte order mark. */
function hasUnprintable(text: string): boolean {
  return hasControl(text) || /[\ufeff\ufffe\uffff]/.test(text);
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
  const body = text.replace(
    // Blanks at either end, which line folding would drop, and all that is special or not printable.
    // oxlint-disable-next-line no-control-regex
    /^[ ]+|[ ]+$|["\\\u0000-\u001f\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g,
    (found) => Array.from(found, (char) => escapeChar(char)).join(""),
  );
  return atLineStart && /^[-.]/.test(body) ? escapeChar(body[0]!) + body.slice(1) : body;
}

function escapeChar(char: string): string {
  if (char === '"' || char === "\\") return `\\${char}`;
  const code = char.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}
