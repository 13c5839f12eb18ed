import { escaped, hasControl, refused } from "../context.ts";
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
    let settled = false;
    return {
      literal(text) {
        scanner.feed(text);
        return null;
      },
      value(given) {
        const value = String(given);
        if (value.includes("\0")) return refused("the shell cannot carry a NUL");
        const place = scanner.place();
        if (place.kind === "obstacle") return refused(place.reason);
        if (place.kind === "comment") {
          settled = true;
          return hasControl(value) ? refused("a line end would end the comment") : escaped(value);
        }
        const quoted = `'${value.replaceAll("'", "'\\''")}'`;
        settled = scanner.feedQuoted(quoted);
        return escaped(quoted);
      },
      isSettled: () => settled,
      save: () => ({ state: scanner.save() }),
      restore: ({ state }) => scanner.restore(state),
      embed() {
        const place = scanner.place();
        if (place.kind === "word") return { kind: "whole" };
        return refused(place.kind === "comment" ? "it stands in a comment" : place.reason);
      },
    };
  },
};
