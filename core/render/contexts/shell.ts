import { hasControl, obstacle, refused, slotOf, TAKEN } from "../context.ts";
import type { EscapingContext } from "../context.ts";
import { createShellScanner } from "./shell-scanner.ts";

/**
 * POSIX shell: a value becomes one single-quoted word, in which nothing is
 * special but the quote itself. That holds only where a word may stand, so
 * the text around is followed, and a value inside the author's own quotes, a
 * here-document or backquotes is refused.
 */
export const shell: EscapingContext = {
  title: "shell",
  open() {
    const scanner = createShellScanner();
    return {
      literal(text) {
        scanner.feed(text);
        return TAKEN;
      },
      slot() {
        const place = scanner.place();
        if (place.kind === "obstacle") return obstacle(place.reason);
        if (place.kind === "comment") return COMMENT;
        return place.beforeHereDocument ? WORD_BEFORE_HERE_DOCUMENT : WORD;
      },
      take: () => scanner.takeValue(),
      save: () => scanner.save(),
      restore: (state) => scanner.restore(state),
      embed() {
        const place = scanner.place();
        if (place.kind === "word") return { kind: "whole" };
        return refused(place.kind === "comment" ? "it stands in a comment" : place.reason);
      },
    };
  },
};

const WORD = slotOf((value) => quote(String(value)));

const WORD_BEFORE_HERE_DOCUMENT = slotOf((value) =>
  String(value).includes("\n")
    ? refused("a line end would begin the here-document that stands before it")
    : quote(String(value)),
);

const COMMENT = slotOf((value) =>
  hasControl(String(value))
    ? refused("a comment carries no control characters, and a line end would end it")
    : String(value),
);

function quote(value: string) {
  return value.includes("\0")
    ? refused("the shell cannot carry a NUL")
    : `'${value.replaceAll("'", "'\\''")}'`;
}
