import type { Taken } from "../context.ts";

/**
 * Follows a text split at white space. Of the word being written it knows no
 * more than what decides how iPXE reads it, see `ipxeWordProblem`.
 */
export type WordTracker = {
  /** Stands for the word so far: iPXE takes the one and the other alike, with whatever comes behind it. */
  readonly word: string;
  /** The region is the word. */
  feed(text: string): Taken;
  goOn(word: string): void;
};

export function createWordTracker(): WordTracker {
  let word = "";
  return {
    get word() {
      return word;
    },
    feed(text) {
      const start = text.search(/\S*$/);
      word = essence(start === 0 ? word + text : text.slice(start));
      return { problem: null, region: start === 0 ? null : text.length - start };
    },
    goOn: (next) => void (word = next),
  };
}

/**
 * The word that stands for another: words of operators as they are; of any
 * other, whether it opens a setting's name, or could do so.
 */
export function essence(word: string): string {
  if (/^[|&;]*$/.test(word)) return word;
  return `a${word.includes("${") ? "${" : ""}${word.endsWith("$") ? "$" : ""}`;
}
