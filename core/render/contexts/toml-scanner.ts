import { EMPTY } from "../context.ts";
import { createEscapeTracker, type EscapeState } from "./escape-tracker.ts";

/** Where in a TOML document a value would land. */
export type TomlPlace =
  | { readonly kind: "value" }
  | { readonly kind: "basic"; readonly first: boolean }
  | { readonly kind: "literal"; readonly first: boolean }
  | { readonly kind: "comment" }
  | { readonly kind: "obstacle"; readonly reason: string };

/** Follows the lines, strings and brackets of TOML 1.0. */
export type TomlScanner = {
  /** Returns whether all of the text may follow a whole value. */
  feed(text: string): boolean;
  place(): TomlPlace;
  /** Says that a value was written, one of a slot's kinds. */
  takeValue(kind: string): void;
  save(): TomlState;
  restore(state: TomlState): void;
};

export type TomlState = readonly [
  escape: EscapeState,
  mode: Mode,
  left: boolean,
  brackets: readonly string[],
  opener: string,
  string: string,
  afterValue: boolean,
];

type Mode = "ready" | "bare" | "closed" | "quote" | "basic" | "literal" | "multi" | "comment" | "header";

export function createTomlScanner(): TomlScanner {
  const escape = createEscapeTracker();
  let mode: Mode = "ready";
  /** Left of an `=`, on a line of its own or in an inline table. */
  let left = true;
  /** Open `[` and `{` right of the `=`. */
  let brackets: readonly string[] = [];
  let opener = "";
  /** The quotes that open a string, as far as they were read; of a multi-line one its last characters. */
  let string = "";
  let afterValue = false;

  const newline = (): void => {
    mode = "ready";
    string = "";
    if (brackets.length === 0) left = true;
  };

  const step = (char: string): boolean => {
    switch (mode) {
      case "quote":
        return stepQuote(char);
      case "basic":
      case "literal":
        if (char === opener && !(mode === "basic" && escape.pending)) mode = "closed";
        else if (char === "\n") newline();
        if (mode === "basic") escape.feed(char);
        return true;
      case "multi":
        string = (string + char).slice(-3);
        if (opener === '"') {
          if (escape.pending && char === '"') string = "";
          escape.feed(char);
        }
        if (string.endsWith(opener.repeat(3))) mode = "closed";
        return true;
      case "comment":
        if (char === "\n") newline();
        return true;
      case "header":
        if (char === "\n") newline();
        return true;
      case "ready":
      case "bare":
      case "closed":
        return stepPlain(char);
    }
  };

  /** Behind an opening quote: one more may be an empty string, two more a multi-line one. */
  const stepQuote = (char: string): boolean => {
    if (char === opener && string === opener) {
      mode = "multi";
      string = "";
      return true;
    }
    if (char === opener) {
      string = opener;
      return true;
    }
    if (string === opener) {
      mode = "closed";
      return stepPlain(char);
    }
    mode = opener === '"' ? "basic" : "literal";
    string = "";
    return step(char);
  };

  const stepPlain = (char: string): boolean => {
    if (char === " " || char === "\t" || char === "\r") {
      if (mode === "bare") mode = "closed";
      return true;
    }
    const fits = !afterValue || ",]}\n#".includes(char);
    afterValue = false;
    if (char === "\n") newline();
    else if (char === "#") mode = "comment";
    else if ((char === '"' || char === "'") && mode === "ready") {
      mode = "quote";
      opener = char;
      string = "";
    } else if (char === "[" && left && brackets.length === 0 && mode === "ready") mode = "header";
    else if (char === "[" || char === "{") {
      brackets = [...brackets, char];
      left = char === "{";
      mode = "ready";
    } else if (char === "]" || char === "}") {
      brackets = brackets.slice(0, -1);
      left = false;
      mode = "closed";
    } else if (char === "=") {
      left = false;
      mode = "ready";
    } else if (char === ",") {
      left = brackets.at(-1) === "{";
      mode = "ready";
    } else if (char === "." && left) mode = "ready";
    else mode = "bare";
    return fits;
  };

  return {
    feed(text) {
      let fits = true;
      for (const char of text) fits = step(char) && fits;
      return fits;
    },
    place() {
      if (left && mode !== "comment" && mode !== "header") {
        return { kind: "obstacle", reason: "a value cannot be a key: another key could be the same" };
      }
      switch (mode) {
        case "ready":
          if (afterValue) break;
          return { kind: "value" };
        case "quote":
          if (string !== "") break;
          return { kind: opener === '"' ? "basic" : "literal", first: true };
        case "basic":
          if (escape.pending) return { kind: "obstacle", reason: "a backslash stands before it" };
          return { kind: "basic", first: false };
        case "literal":
          return { kind: "literal", first: false };
        case "multi":
          return { kind: "obstacle", reason: "it stands in a multi-line string: leave the quotes out" };
        case "comment":
          return { kind: "comment" };
        case "header":
          return { kind: "obstacle", reason: "a value cannot name a table" };
        case "bare":
        case "closed":
          break;
      }
      return {
        kind: "obstacle",
        reason: "a value cannot be a part of a bare one: put quotes around all of it",
      };
    },
    save: () => [escape.save(), mode, left, brackets, opener, string, afterValue],
    restore: (state) => {
      escape.restore(state[0]);
      [, mode, left, brackets, opener, string, afterValue] = state;
    },
    takeValue(kind) {
      if (mode === "ready") {
        mode = "closed";
        afterValue = true;
      } else if (mode === "quote" && kind !== EMPTY) {
        mode = opener === '"' ? "basic" : "literal";
        string = "";
      }
    },
  };
}
