import { hasControl, refused } from "../context.ts";
import type { EscapingContext } from "../context.ts";
import { ipxeWordProblem } from "./ipxe-words.ts";
import { createWordTracker, essence } from "./words.ts";

/** iPXE scripts: a language without quoting, so a value goes in as it is or not at all. */
export const ipxe: EscapingContext = {
  title: "an iPXE script",
  open() {
    const words = createWordTracker();
    return {
      literal: (text) => words.feed(text),
      slot() {
        const { word } = words;
        return {
          encode(value) {
            const text = String(value);
            if (hasControl(text)) return refused("iPXE cannot carry control characters or line ends");
            const problem = ipxeWordProblem(text, word);
            return problem === null ? text : refused(problem);
          },
          kindOf: (text) => essence(word + text),
        };
      },
      take: (kind) => words.goOn(kind),
      save: () => words.word,
      restore: (word) => words.goOn(word),
      embed: (language) =>
        language === "kernel-args"
          ? { kind: "through", before: (region) => region }
          : refused("an iPXE script takes in kernel arguments only"),
    };
  },
};
