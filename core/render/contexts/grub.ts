import { exactSlotOf, hasControl, obstacle, refused, TAKEN } from "../context.ts";
import type { EscapingContext } from "../context.ts";
import { createGrubScanner } from "./grub-scanner.ts";

/** The lexer is built with `%array`: a token of YYLMAX (8,192) bytes stops GRUB. The rest is for what follows. */
const MAX_WORD_BYTES = 7168;

/**
 * GRUB scripts. A value becomes a single-quoted piece of a word, or is
 * escaped inside double quotes of the author's. `$` behind a value is the
 * author's own, as quotes end before it.
 */
export const grub: EscapingContext = {
  title: "a GRUB script",
  open() {
    const scanner = createGrubScanner();
    return {
      literal(text) {
        scanner.feed(text);
        return TAKEN;
      },
      slot() {
        const place = scanner.place();
        if (place.kind === "obstacle") return obstacle(place.reason);
        const { word } = scanner;
        return exactSlotOf((given) => {
          const value = String(given);
          if (hasControl(value)) return refused("GRUB reads a script by lines, without control characters");
          if (place.kind === "comment" && /['"\\$]/.test(value)) {
            return refused("a GRUB comment cannot carry quotes, backslashes and $");
          }
          const text = quote(value, place.kind);
          return new TextEncoder().encode(word + text).length > MAX_WORD_BYTES
            ? refused(`GRUB cannot read words longer than ${MAX_WORD_BYTES} bytes`)
            : text;
        });
      },
      take: (text) => scanner.feed(text),
      save: () => scanner.save(),
      restore: (state) => scanner.restore(state),
      embed(language) {
        const place = scanner.place();
        if (place.kind === "obstacle") return refused(place.reason);
        if (place.kind === "comment") return refused("it stands in a comment");
        // Kernel arguments are many words of GRUB's, anything else is one.
        if (language !== "kernel-args") return { kind: "whole" };
        const { word } = scanner;
        return place.kind === "word"
          ? { kind: "through", before: () => word }
          : refused("kernel arguments are words of their own here: leave the quotes out");
      },
    };
  },
};

function quote(value: string, place: "word" | "double" | "comment"): string {
  if (place === "comment") return value;
  return place === "word" ? `'${value.replaceAll("'", "'\\''")}'` : value.replace(/["\\$]/g, "\\$&");
}
