/** Where in a GRUB script a value would land. */
export type GrubPlace =
  | { readonly kind: "word" }
  | { readonly kind: "double" }
  | { readonly kind: "comment" }
  | { readonly kind: "obstacle"; readonly reason: string };

/** Follows the words and quotes of GRUB's script lexer (grub-core/script/yylex.l). */
export type GrubScanner = {
  /** The word being written, quotes and all, as the lexer holds it. */
  readonly word: string;
  feed(text: string): void;
  place(): GrubPlace;
  save(): GrubState;
  restore(state: GrubState): void;
};

export type GrubState = readonly [
  mode: Mode,
  word: string,
  escaping: boolean,
  previous: string,
  unsure: string | null,
];

type Mode = "words" | "single" | "double" | "comment";

export function createGrubScanner(): GrubScanner {
  let mode: Mode = "words";
  let word = "";
  let escaping = false;
  let previous = "";
  let unsure: string | null = null;

  const step = (char: string): void => {
    if (mode === "comment") {
      if (char === "\n") {
        mode = "words";
        word = "";
      } else {
        // `#it's`: the lexer's longest match is then a quote that runs on, not the comment.
        if ((char === "'" || char === '"') && !/[ \t]/.test(word)) {
          unsure ??= "a comment whose first word holds a quote stands before it";
        }
        word += char;
      }
      return;
    }
    if (escaping) {
      escaping = false;
      word += char;
      previous = "\\";
      return;
    }
    if (mode === "words" && /[\s;|&<>{}]/.test(char) && previous !== "$") {
      word = "";
      previous = char;
      return;
    }
    if (mode === "words" && word === "" && char === "#") {
      mode = "comment";
      word = char;
      return;
    }
    word += char;
    if (mode === "single") {
      if (char === "'") mode = "words";
    } else if (char === "\\") escaping = true;
    else if (char === '"') {
      // `$"…"` is text to translate, with escapes of its own.
      if (mode === "words" && previous === "$") unsure ??= '$"…" stands before it';
      mode = mode === "words" ? "double" : "words";
    } else if (char === "'" && mode === "words") mode = "single";
    previous = char;
  };

  return {
    get word() {
      return word;
    },
    feed(text) {
      for (const char of text) step(char);
    },
    save: () => [mode, word, escaping, previous, unsure],
    restore: (state) => void ([mode, word, escaping, previous, unsure] = state),
    place() {
      const obstacle = (reason: string): GrubPlace => ({ kind: "obstacle", reason });
      if (unsure !== null) return obstacle(unsure);
      if (mode === "comment") return { kind: "comment" };
      if (mode === "single")
        return obstacle("it stands inside single quotes: leave the quotes out, they are added");
      if (escaping) return obstacle("a backslash stands before it");
      if (/\$(?:\{[^}]*)?$/.test(word)) return obstacle("a $ stands before it");
      return { kind: mode === "double" ? "double" : "word" };
    },
  };
}
