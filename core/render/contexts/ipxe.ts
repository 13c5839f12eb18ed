import { escaped, hasControl, refused } from "../context.ts";
import type { EscapingContext } from "../context.ts";
import { ipxeWordProblem } from "./ipxe-words.ts";
import { createWordTracker } from "./words.ts";

/** iPXE scripts: a language without quoting, so a value goes in as it is or not at all. */
export const ipxe: EscapingContext = {
  title: "an iPXE script",
  open() {
    const words = createWordTracker();
    return {
      literal: (text) => words.feed(text),
      value(value) {
        if (hasControl(value)) return refused("iPXE cannot carry control characters or line ends");
        const problem = ipxeWordProblem(value, words.word);
        if (problem !== null) return refused(problem);
        words.feed(value);
        return escaped(value);
      },
    };
  },
};
