import { EMPTY, type Taken } from "../context.ts";
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
  /** The region is the block scalar that the next line may continue. */
  feed(text: string): Taken;
  /** Says that a value was written, one of a slot's kinds. */
  takeValue(kind: string): void;
  place(): YamlPlace;
  /** The block scalar that the next line may continue, whatever its indentation will be. */
  openBlock(): { readonly folded: boolean } | null;
  save(): YamlState;
  restore(state: YamlState): void;
};

export type YamlState = readonly [
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

/** A block scalar. */
type Block = {
  readonly folded: boolean;
  readonly explicit: boolean;
  readonly indent: number | null;
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

/** A line that holds a value: how long that was matters no more. */
const AFTER_VALUE: Line = { column: 80, blank: false, tab: false, head: "node", last: '"' };

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

/** Where a mapping has a key twice, PyYAML takes the last one without a word. */
const KEY = "a value cannot be a key: another key could be the same";

const DROPPED = "without text, blanks at the end of a line inside quotes are dropped";

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
  let block: Block = { folded: false, explicit: false, indent: null };
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

  /** How much of the text being fed was stepped through, and where in it a block began. */
  let at = 0;
  let blockStart: number | null = null;

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
    if (char === "\n" && emptyValue) spoiled ??= DROPPED;
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
    // A key may be a whole collection in brackets: it is at their column.
    if (flow === 0) nodeColumn = propertyColumn ?? line.column;
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
    openBlock: () => (mode === "block" ? block : null),
    save: () => [
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
    restore(state) {
      escape.restore(state[0]);
      [, mode, afterComment, line, flow, due, parentColumn, nodeColumn, pending] = state;
      [, , , , , , , , , emptyString, quotesHoldValue, pendingQuote, header, block] = state;
      [, , , , , , , , , , , , , , value, emptyValue, tagged, propertyColumn, lost] = state;
    },
    feed(text) {
      spoiled = null;
      at = 0;
      blockStart = null;
      for (const char of text) {
        at += char.length;
        step(char);
      }
      const region = blockStart === null ? null : text.length - blockStart;
      return { problem: spoiled, region: mode === "block" ? region : 0 };
    },
    takeValue(kind) {
      const isEmpty = kind === EMPTY;
      if (mode === "double" || mode === "single") {
        quotesHoldValue = true;
        emptyValue = isEmpty;
        emptyString &&= isEmpty;
      } else if (mode === "ready") {
        if (flow === 0) nodeColumn = propertyColumn ?? line.column;
        emptyString = quotesHoldValue = emptyValue = false;
        mode = "closed";
        value = { spaced: false };
      } else if (mode === "block" && block.indent === null && line.blank && !line.tab) {
        block = { ...block, indent: line.column };
      }
      // Where nothing was written, the line is as long as before.
      if (!isEmpty) line = AFTER_VALUE;
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
