import { createEscapeTracker, type EscapeState } from "./escape-tracker.ts";

/** Where in a YAML document a value would land. */
export type YamlPlace =
  | { readonly kind: "node" }
  | {
      readonly kind: "double" | "single";
      /** Whether it comes right behind the opening quote. */
      readonly first: boolean;
      readonly column: number;
      readonly startsLine: boolean;
    }
  | { readonly kind: "block"; readonly startsLine: boolean }
  | { readonly kind: "comment" }
  | { readonly kind: "obstacle"; readonly reason: string };

/** Follows YAML closely enough to know where a node may start and which style holds. */
export type YamlScanner = {
  /** Returns why the text spoils a value right before it, or `null`. */
  feed(text: string): string | null;
  /** Feeds a value that was written inside quotes. */
  feedQuoted(text: string): void;
  /** Feeds the text of a whole node that was written for a value. Returns whether any other would have come to the same. */
  feedNode(text: string): boolean;
  place(): YamlPlace;
  save(): YamlState;
  restore(state: YamlState, text: string): void;
  /** The block scalar that the next line may continue, whatever its indentation will be. */
  openBlock(): { readonly folded: boolean; readonly text: string } | null;
};

/** See `Saved`. */
export type YamlState = {
  readonly state: readonly [
    escape: EscapeState,
    mode: Mode,
    afterComment: Mode,
    line: Line,
    flow: number,
    due: boolean,
    parentColumn: number,
    nodeColumn: number,
    pending: string,
    emptyString: boolean,
    quotesHoldValue: boolean,
    pendingQuote: boolean,
    header: string,
    block: Block,
    value: { readonly spaced: boolean } | null,
    emptyValue: boolean,
    tagged: boolean,
    propertyColumn: number | null,
    lost: boolean,
  ];
  readonly since: number;
};

/** A block scalar; `number`: which one of the document it is. */
type Block = {
  readonly folded: boolean;
  readonly explicit: boolean;
  readonly indent: number | null;
  readonly number: number;
};

type Mode = "ready" | "property" | "plain" | "double" | "single" | "closed" | "comment" | "header" | "block";

/** What of a line matters later; kept small, as it is looked at with every character. */
type Line = {
  readonly column: number;
  /** Whether there are only blanks so far, and whether a tab is among them. */
  readonly blank: boolean;
  readonly tab: boolean;
  readonly head: string;
  readonly last: string;
};

const START_OF_LINE: Line = { column: 0, blank: true, tab: false, head: "", last: "" };

const AFTER_NODE: Line = { column: 80, blank: false, tab: false, head: "node", last: '"' };

function advance({ column, blank, tab, head }: Line, char: string): Line {
  if (char === "\n") return START_OF_LINE;
  return {
    // Characters, not code units: it is compared with columns of ASCII only.
    column: column + 1,
    blank: blank && (char === " " || char === "\t"),
    tab: tab || char === "\t",
    head: head.length < 4 ? head + char : head,
    last: char,
  };
}

/** As `advance` over each character of a text without line ends. */
function advanceBy({ column, blank, tab, head, last }: Line, text: string): Line {
  return {
    column: column + text.length,
    blank: blank && /^[ \t]*$/.test(text),
    tab: tab || text.includes("\t"),
    head: head.length < 4 ? (head + text).slice(0, 4) : head,
    last: text.at(-1) ?? last,
  };
}

/** Where a mapping has a key twice, PyYAML takes the last one without a word. */
const KEY = "a value cannot be a key: another key could be the same";

const EMPTY = "without text, blanks at the end of a line inside quotes are dropped";

export function createYamlScanner(): YamlScanner {
  const escape = createEscapeTracker();
  let mode: Mode = "ready";
  let afterComment: Mode = "ready";
  let line = START_OF_LINE;
  let flow = 0;
  /** Whether a node is due, after `-` or `:` or at the start, not only another key. */
  let due = true;
  /** Column of the key or dash that the next scalar belongs to; lines further right continue it. */
  let parentColumn = -1;
  /** Column of the last scalar, which a colon would make a key. */
  let nodeColumn = 0;
  /** `-` or `:` that becomes an indicator if white space follows. */
  let pending = "";
  let emptyString = true;
  /** Whether the last quotes hold a value, or a part of one. */
  let quotesHoldValue = false;
  /** A quote in single quotes: the end, or the first half of two. */
  let pendingQuote = false;
  let header = "";
  let block: Block = { folded: false, explicit: false, indent: null, number: 0 };
  /** All that was taken in, and where in it the block begins. */
  let taken = "";
  let blockStart = 0;
  /** The value just written, until it shows what follows. */
  let value: { spaced: boolean } | null = null;
  /** Whether a value that is empty was written in quotes, and only blanks since. */
  let emptyValue = false;
  /** A tag or an anchor of the node that is due, and the column where it began on this line. */
  let tagged = false;
  let propertyColumn: number | null = null;
  /** An explicit key (`? `): rare, and not followed. */
  let lost = false;
  let spoiled: string | null = null;

  const newline = (): void => {
    line = START_OF_LINE;
    propertyColumn = null;
    if (mode === "comment") mode = afterComment;
    else if (mode === "header") {
      mode = /^[|>][-+0-9]{0,2}(?:[ \t]+#.*)?[ \t]*$/.test(header) ? "block" : "plain";
      block = {
        folded: header.startsWith(">"),
        explicit: /\d/.test(header.slice(0, 3)),
        indent: null,
        number: block.number + 1,
      };
      blockStart = at;
    }
  };

  /** What the first character of a line, in block context, means for what came before. */
  const startLine = (column: number): void => {
    if (flow > 0 || mode === "ready") return;
    if (mode === "plain" && column > parentColumn) return;
    if (mode === "plain" || mode === "closed") {
      mode = "ready";
      due = false;
    }
  };

  const open = (): void => {
    mode = "ready";
    due = true;
    tagged = false;
    propertyColumn = null;
    pending = "";
  };

  /** How much of `taken` was stepped through. */
  let at = 0;
  const take = (text: string): void => {
    taken += text;
    for (const char of text) {
      at += char.length;
      step(char);
    }
  };

  /** Of text without line ends, what it does beside being on the line is for the caller to say. */
  const skip = (text: string): void => {
    taken += text;
    at = taken.length;
    line = advanceBy(line, text);
  };

  const step = (char: string): void => {
    if (mode === "block" && stepBlock(char)) return;
    if (mode === "single" && pendingQuote) {
      pendingQuote = false;
      if (char === "'") {
        line = advance(line, char);
        return;
      }
      mode = "closed";
    }
    if (mode === "double" || mode === "single") stepQuoted(char);
    else if (mode === "comment" || mode === "header") {
      if (mode === "header") header += char === "\n" ? "" : char;
      if (char === "\n") return newline();
    } else {
      stepPlain(char);
      if (char === "\n") return newline();
    }
    line = advance(line, char);
  };

  const stepQuoted = (char: string): void => {
    if (mode === "single") pendingQuote = char === "'";
    else if (char === '"' && !escape.pending) mode = "closed";
    else escape.feed(char);
    if (char === "\n" && emptyValue) spoiled ??= EMPTY;
    emptyValue &&= char === " " || char === "\t";
    emptyString = false;
  };

  /** Returns whether the character belongs to the block scalar. */
  const stepBlock = (char: string): boolean => {
    const { column } = line;
    const leads = line.blank && !line.tab;
    if (char !== "\n" && char !== " " && leads) {
      const ends = column <= parentColumn || (block.indent !== null && column < block.indent);
      if (ends) {
        mode = "closed";
        return false;
      }
      if (block.indent === null) block = { ...block, indent: column };
    }
    line = advance(line, char);
    return true;
  };

  const stepPlain = (char: string): void => {
    const blank = char === " " || char === "\t" || char === "\n";
    if (value !== null) checkFollowing(char);
    if (pending !== "") {
      const indicates = blank || (flow > 0 && (mode === "closed" || ",[]{}".includes(char)));
      if (indicates) {
        lost ||= pending === "?";
        if (flow === 0) parentColumn = nodeColumn;
        open();
      } else {
        mode = "plain";
        pending = "";
      }
    }
    if (mode === "property" && (blank || (flow > 0 && ",[]{}".includes(char)))) mode = "ready";
    if (blank) {
      if (flow === 0 && (line.head === "---" || line.head === "...")) {
        parentColumn = -1;
        open();
      }
      return;
    }
    if (line.blank) startLine(line.column);
    if (char === "#" && (line.last === "" || line.last === " " || line.last === "\t")) {
      afterComment = mode;
      mode = "comment";
    } else if (flow > 0 && ",[]{}".includes(char)) stepFlow(char);
    else if (char === ":" && (mode === "plain" || mode === "closed")) {
      if (mode === "closed" && quotesHoldValue) spoiled ??= KEY;
      quotesHoldValue = false;
      pending = char;
    } else if (mode === "ready") startNode(char);
    else if (mode === "closed") mode = "plain";
  };

  const stepFlow = (char: string): void => {
    if (char === ",") open();
    else if (char === "[" || char === "{") {
      flow += 1;
      open();
    } else {
      flow -= 1;
      mode = "closed";
    }
  };

  const startNode = (char: string): void => {
    nodeColumn = propertyColumn ?? line.column;
    if (char === "!" || char === "&") {
      mode = "property";
      tagged = true;
      propertyColumn ??= line.column;
      return;
    }
    if (char === '"' || char === "'") {
      mode = char === '"' ? "double" : "single";
      emptyString = true;
      quotesHoldValue = false;
    } else if (char === "[" || char === "{") stepFlow(char);
    else if ((char === "-" && flow === 0) || char === "?" || char === ":") pending = char;
    else if ((char === "|" || char === ">") && flow === 0 && due) {
      mode = "header";
      header = char;
    } else mode = "plain";
  };

  const checkFollowing = (char: string): void => {
    if (char === " " || char === "\t") {
      value = { spaced: true };
      return;
    }
    const ends = char === "\n" || (char === "#" && value!.spaced) || (flow > 0 && ",]}".includes(char));
    if (char === ":") spoiled ??= KEY;
    else if (!ends) spoiled ??= "other text follows it: put double quotes around all of it";
    value = null;
  };

  return {
    openBlock: () => (mode === "block" ? { folded: block.folded, text: taken.slice(blockStart) } : null),
    save: () => ({
      state: [
        escape.save(),
        mode,
        afterComment,
        line,
        flow,
        due,
        parentColumn,
        nodeColumn,
        pending,
        emptyString,
        quotesHoldValue,
        pendingQuote,
        header,
        block,
        value,
        emptyValue,
        tagged,
        propertyColumn,
        lost,
      ],
      since: mode === "block" ? at - blockStart : 0,
    }),
    restore({ state, since }, text) {
      const { number } = block;
      escape.restore(state[0]);
      [, mode, afterComment, line, flow, due, parentColumn, nodeColumn, pending] = state;
      [, , , , , , , , , emptyString, quotesHoldValue, pendingQuote, header, block] = state;
      [, , , , , , , , , , , , , , value, emptyValue, tagged, propertyColumn, lost] = state;
      taken += text;
      at = taken.length;
      // A block that the text goes on with began where it began.
      if (block.number !== number) blockStart = at - since;
    },
    feed(text) {
      spoiled = null;
      take(text);
      return spoiled;
    },
    feedQuoted(text) {
      // Escaped for its quotes, it neither ends them nor leaves an escape open.
      if (text.includes("\n")) take(text);
      else {
        skip(text);
        emptyString &&= text === "";
      }
      quotesHoldValue = true;
      emptyValue = text === "";
    },
    feedNode(text) {
      if (text.startsWith('"') && value === null) {
        nodeColumn = propertyColumn ?? line.column;
        skip(text);
      } else take(text);
      emptyString = quotesHoldValue = emptyValue = false;
      // How long it was does not matter where only the line's end may follow.
      if (flow === 0) line = AFTER_NODE;
      mode = "closed";
      value = { spaced: false };
      return flow === 0;
    },
    place() {
      const obstacle = (reason: string): YamlPlace => ({ kind: "obstacle", reason });
      const { blank: startsLine, column } = line;
      if (lost) return obstacle("an explicit key (? …) stands before it");
      if (tagged && mode === "ready") return obstacle("a tag or an anchor stands before it");
      if (mode === "block") {
        const ends =
          startsLine && (column <= parentColumn || (block.indent !== null && column < block.indent));
        if (ends) return obstacle(KEY);
        if (block.explicit) return obstacle("the block's indentation is written out: leave the number out");
        if (column === 0) return obstacle("the block is not indented");
        return { kind: "block", startsLine };
      }
      if (pending !== "") return obstacle(`a blank must stand behind the ${pending}`);
      switch (mode) {
        case "double":
          if (escape.pending) return obstacle("a backslash stands before it");
          return { kind: "double", first: emptyString, column, startsLine };
        case "single":
          if (pendingQuote) break;
          return { kind: "single", first: emptyString, column, startsLine };
        case "comment":
          return { kind: "comment" };
        case "ready":
          return due ? { kind: "node" } : obstacle(KEY);
        case "plain":
        case "closed":
          if (startsLine && flow === 0 && (mode === "closed" || column <= parentColumn)) {
            return obstacle(KEY);
          }
          break;
        case "header":
        case "property":
          break;
      }
      return obstacle("a value cannot be a part of plain text: put double quotes around all of it");
    },
  };
}
