import { EMPTY } from "../context.ts";

/** Where in an XML document a value would land. */
export type XmlPlace =
  | { readonly kind: "text" | "cdata" | "attribute"; readonly first: boolean; readonly before: string }
  | { readonly kind: "comment"; readonly afterDash: boolean }
  | { readonly kind: "obstacle"; readonly reason: string };

/**
 * Follows the markup of XML 1.0. `first` says that only blanks stand between
 * the place and the markup that opened it, `before` holds a few characters.
 */
export type XmlScanner = {
  feed(text: string): void;
  /** Says that a value was written, one of a slot's kinds: escaped for its place, it ends nothing. */
  takeValue(kind: string): void;
  place(): XmlPlace;
  save(): XmlState;
  restore(state: XmlState): void;
};

export type XmlState = readonly [mode: Mode, before: string, first: boolean, quote: string, brackets: number];

type Mode = "text" | "markup" | "tag" | "attribute" | "comment" | "cdata" | "instruction" | "declaration";

/** More than any reference that a person would leave unfinished, and than any opener. */
const KEPT = 40;

/** What turns `<` and what follows into something else than a tag. */
const OPENERS = { "<!--": "comment", "<![CDATA[": "cdata" } as const;

export function createXmlScanner(): XmlScanner {
  let mode: Mode = "text";
  /** Text since the markup that opened the mode: its last few characters. */
  let before = "";
  let first = true;
  let quote = "";
  /** Square brackets open in a document type declaration. */
  let brackets = 0;

  const enter = (next: Mode): void => {
    mode = next;
    before = "";
    first = true;
  };

  const step = (char: string): void => {
    before = (before + char).slice(-KEPT);
    first &&= before.length < KEPT && before.trim() === "";
    switch (mode) {
      case "text":
        if (char === "<") {
          enter("markup");
          before = char;
        }
        break;
      case "markup":
        stepMarkup(char);
        break;
      case "tag":
        if (char === ">") enter("text");
        else if (char === '"' || char === "'") {
          enter("attribute");
          quote = char;
        }
        break;
      case "attribute":
        if (char === quote) enter("tag");
        break;
      case "comment":
        if (before.endsWith("-->")) enter("text");
        break;
      case "cdata":
        if (before.endsWith("]]>")) enter("text");
        break;
      case "instruction":
        if (before.endsWith("?>")) enter("text");
        break;
      case "declaration":
        if (char === "[") brackets += 1;
        else if (char === "]") brackets -= 1;
        else if (char === ">" && brackets <= 0) enter("text");
        break;
    }
  };

  const stepMarkup = (char: string): void => {
    if (before === "<?") return enter("instruction");
    const opener = Object.entries(OPENERS).find(([text]) => text.startsWith(before));
    if (opener !== undefined) {
      if (opener[0] === before) enter(opener[1]);
      return;
    }
    if (before.startsWith("<!")) {
      brackets = 0;
      enter("declaration");
    } else {
      enter("tag");
      if (char === ">") enter("text");
    }
  };

  return {
    feed(text) {
      for (const char of text) step(char);
    },
    takeValue(kind) {
      if (kind === EMPTY) return;
      // Nothing of a value is the beginning of markup.
      before = "";
      first = false;
    },
    save: () => [mode, before, first, quote, brackets],
    restore: (state) => void ([mode, before, first, quote, brackets] = state),
    place() {
      switch (mode) {
        case "text":
        case "attribute":
          if (/&[^;\s]*$/.test(before)) {
            return { kind: "obstacle", reason: "an unfinished & reference stands before it" };
          }
          return { kind: mode, first, before };
        case "cdata":
          return { kind: mode, first, before };
        case "comment":
          return { kind: mode, afterDash: before.endsWith("-") };
        case "markup":
        case "tag":
          return { kind: "obstacle", reason: "a value cannot name an element or an attribute: use text" };
        case "instruction":
        case "declaration":
          return { kind: "obstacle", reason: "it stands inside a processing instruction or declaration" };
      }
    },
  };
}
