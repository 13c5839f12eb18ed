/** Follows a text split at white space: knows what the word being written holds so far. */
export type WordTracker = {
  readonly word: string;
  feed(text: string): void;
};

export function createWordTracker(): WordTracker {
  let word = "";
  return {
    get word() {
      return word;
    },
    feed(text) {
      const start = text.search(/\S*$/);
      word = start === 0 ? word + text : text.slice(start);
    },
  };
}
