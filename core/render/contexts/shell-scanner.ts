/** Where in a shell text a value would land. */
export type ShellPlace =
  | { readonly kind: "word"; readonly beforeHereDocument: boolean }
  | { readonly kind: "comment" }
  | { readonly kind: "obstacle"; readonly reason: string };

/** Follows shell text far enough to know whether a single-quoted word means itself here. */
export type ShellScanner = {
  feed(text: string): void;
  /** Says that a value was written: a single-quoted word, or in a comment one without line ends. */
  takeValue(): void;
  place(): ShellPlace;
  save(): ShellState;
  restore(state: ShellState): void;
};

export type ShellState = readonly [
  modes: readonly Mode[],
  previous: string,
  recent: string,
  escaping: boolean,
  unsure: string | null,
  here: Readonly<HereDocument> | null,
];

type Mode = "words" | "single" | "double" | "backquote" | "arithmetic" | "comment" | "parameter";

const OBSTACLES: Readonly<Record<Exclude<Mode, "words" | "comment">, string>> = {
  single: "it stands inside single quotes: leave the quotes out, they are added",
  double: "it stands inside double quotes: leave the quotes out, they are added",
  backquote: "it stands inside backquotes: use $( )",
  arithmetic: "it stands inside an arithmetic expansion: assign it to a shell variable first",
  parameter: "it stands inside ${ }: assign it to a shell variable first",
};

type HereDocument = {
  /** The delimiter word, as far as it was read; its quotes are left out. */
  delimiter: string;
  state: "delimiter" | "rest-of-line" | "body";
  stripTabs: boolean;
  line: string;
};

/**
 * Scans quotes, comments, substitutions and here-documents of POSIX shell.
 * What it cannot follow for certain (quotes inside `${ }`, `$'…'`, `case`
 * inside parentheses, a joined line in a here-document) makes every later place an obstacle: better a refused
 * template than a value that escapes its quotes.
 */
export function createShellScanner(): ShellScanner {
  let modes: Mode[] = ["words"];
  /** The character before, where it was not escaped; a text starts like a line. */
  let previous = "\n";
  let recent = "\n";
  let escaping = false;
  let unsure: string | null = null;
  let here: HereDocument | null = null;

  const step = (char: string): void => {
    if (here !== null && here.state !== "rest-of-line") {
      const reread = stepHereDocument(here, char);
      if (!reread) return;
    }
    if (escaping) {
      escaping = false;
      // Backslash-newline vanishes; any other escaped character is plain.
      if (char !== "\n") previous = "\\";
      return;
    }
    switch (modes.at(-1)!) {
      case "words":
        stepWords(char);
        break;
      case "single":
        if (char === "'") modes.pop();
        break;
      case "double":
        if (char === '"') modes.pop();
        else stepExpansion(char);
        break;
      case "parameter":
        if (char === "}") modes.pop();
        else if (char === '"' || char === "'") unsure ??= "quotes inside ${ } stand before it";
        else stepExpansion(char);
        break;
      case "backquote":
        if (char === "\\") escaping = true;
        else if (char === "`") modes.pop();
        break;
      case "arithmetic":
        if (char === "(") modes.push("arithmetic");
        else if (char === ")") modes.pop();
        break;
      case "comment":
        if (char === "\n") modes.pop();
        break;
    }
    if (char === "\n" && here !== null) here.state = "body";
    if (escaping) return;
    previous = char;
    // What stands before a blank is no part of a word.
    recent = /\s/.test(char) ? char : (recent + char).slice(-6);
  };

  /** What is special both in double quotes and out of them. */
  const stepExpansion = (char: string): void => {
    if (char === "\\") escaping = true;
    else if (char === "`") modes.push("backquote");
    else if (char === "{" && previous === "$") modes.push("parameter");
    else if (char === "(" && previous === "$") modes.push("words");
  };

  const stepWords = (char: string): void => {
    if (char === "'") {
      if (previous === "$") unsure ??= "$'…' stands before it, which shells read differently";
      modes.push("single");
    } else if (char === '"') modes.push("double");
    else if (char === "#" && /[\s;|&(<>]/.test(previous)) modes.push("comment");
    // A comment behind a subshell, part of the word behind a substitution.
    else if (char === "#" && previous === ")") unsure ??= "a # right behind a ) stands before it";
    else if (char === "<" && previous === "<") startHereDocument();
    else if (char === "(" && previous === "(") {
      // The first parenthesis was taken for a subshell's.
      modes[modes.length - 1] = "arithmetic";
      modes.push("arithmetic");
    } else if (char === "(") modes.push("words");
    else if (char === ")" && modes.length > 1) modes.pop();
    else if (/\s/.test(char) && modes.length > 1 && /[\s;|&(]case$/.test(recent)) {
      unsure ??= "case inside parentheses stands before it";
    } else stepExpansion(char);
  };

  const startHereDocument = (): void => {
    if (here === null) here = { delimiter: "", state: "delimiter", stripTabs: false, line: "" };
    else unsure ??= "two here-documents on one line stand before it";
  };

  /** Returns whether the character is the ordinary scanner's to read as well. */
  const stepHereDocument = (document: HereDocument, char: string): boolean => {
    if (document.state === "delimiter") {
      if (document.delimiter === "" && char === "<") {
        here = null; // `<<<`: a here-string, whose word is an ordinary one.
        previous = "\\";
        return false;
      }
      if (document.delimiter === "" && char === "-") document.stripTabs = true;
      else if (/["'\\]/.test(char) || (document.delimiter === "" && /[ \t]/.test(char))) return false;
      else if (/[\s;|&()<>]/.test(char)) {
        document.state = "rest-of-line";
        return true;
      } else document.delimiter += char;
      return false;
    }
    if (char !== "\n") {
      document.line += char;
      return false;
    }
    // Shells disagree on whether this joins the delimiter's line, unless the delimiter was quoted.
    if (document.line.endsWith("\\"))
      unsure ??= "a here-document's line that ends in a backslash stands before it";
    const line = document.stripTabs ? document.line.replace(/^\t+/, "") : document.line;
    document.line = "";
    if (line === document.delimiter) here = null;
    previous = "\n";
    return false;
  };

  return {
    feed(text) {
      for (const char of text) step(char);
    },
    takeValue() {
      if (modes.at(-1) === "words") previous = recent = "'";
    },
    save: () => [[...modes], previous, recent, escaping, unsure, here && { ...here }],
    restore: (state) => {
      let saved;
      [, previous, recent, escaping, unsure, saved] = state;
      modes = [...state[0]];
      here = saved && { ...saved };
    },
    place() {
      if (unsure !== null) return { kind: "obstacle", reason: unsure };
      if (here !== null && here.state !== "rest-of-line") {
        return { kind: "obstacle", reason: "it stands inside a here-document, where quotes are not quotes" };
      }
      const mode = modes.at(-1)!;
      if (mode === "comment") return { kind: "comment" };
      if (mode !== "words") return { kind: "obstacle", reason: OBSTACLES[mode] };
      if (escaping) return { kind: "obstacle", reason: "a backslash stands before it" };
      if (previous === "$") return { kind: "obstacle", reason: "a $ stands before it" };
      return { kind: "word", beforeHereDocument: here !== null };
    },
  };
}
