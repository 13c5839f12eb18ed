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
      literal(text) {
        words.feed(text);
        return null;
      },
      value(value) {
        const text = String(value);
        if (hasControl(text)) return refused("iPXE cannot carry control characters or line ends");
        const problem = ipxeWordProblem(text, words.word);
        if (problem !== null) return refused(problem);
        words.feed(text);
        return escaped(text);
      },
      isSettled: () => false,
      // To take a text in again is as fast.
      save: () => ({ state: null }),
      restore: (_, text) => words.feed(text),
      embed: (language) =>
        language === "kernel-args"
          ? { kind: "through", before: words.word }
          : refused("an iPXE script takes in kernel arguments only"),
    };
  },
};
