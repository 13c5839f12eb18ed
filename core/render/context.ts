/** What a template can insert: a number or a boolean keeps its type in languages that have types. */
export type Scalar = string | number | boolean;

/**
 * A value made fit for the language it lands in, or the reason why that
 * language cannot carry it there. There is no third outcome: what a real
 * parser of the language reads back equals the value that went in.
 */
export type Escaped = string | Refused;

export type Refused = { readonly kind: "refused"; readonly reason: string };

/**
 * How a place takes in a section of another language:
 * - `same`: the place is of that language already, values need nothing more;
 * - `through`: the section's text is the place's text, character by character,
 *   and continues what came before it of the region (see `Taken`); values are
 *   escaped for both, inwards out;
 * - `whole`: the section is rendered on its own and then inserted as one value;
 * - `refused`: its text would be read neither way for certain.
 */
export type Embedding =
  | { readonly kind: "same" }
  | { readonly kind: "through"; before(region: string): string }
  | { readonly kind: "whole" }
  | Refused;

/**
 * One run through a text in one language. It is fed everything in the order
 * of output, because what a value needs depends on where it lands: a `#`
 * matters at the start of a word, a quote means something else inside quotes.
 *
 * What it knows of the text so far is its state, small and apart from values
 * where it can be: equal states go on alike, whatever led to them, so that a
 * text is read once and not with every rendering (see `automaton.ts`).
 */
export type Encoder = {
  /** Takes in text of the template's author, which goes out as it is. */
  literal(text: string): Taken;
  /** How values are written at the place reached, then and whenever this state is reached again. */
  slot(): Slot;
  /** Takes in a value, by the kind that the slot reached has named. */
  take(kind: string): void;
  /** How a section in `language`, the name of a context, is taken in there. */
  embed(language: string): Embedding;
  /** All that decides what comes, as JSON would have it and never changed afterwards. */
  // oxlint-disable-next-line typescript/no-explicit-any -- each encoder's own, which nobody else looks into
  save(): any;
  /** Goes on from what it, or another of its language, has saved. */
  // oxlint-disable-next-line typescript/no-explicit-any -- see above
  restore(state: any): void;
};

/** What an author's text did. */
export type Taken = {
  /** Why it spoils the value right before it, or `null`: some languages take a value only as a whole. */
  readonly problem: string | null;
  /**
   * How many characters at its end are the region, the text that a section in
   * another language continues (a line, a block of text); `null`: the region
   * goes on, and all of it belongs to it.
   */
  readonly region: number | null;
};

/** One place, in a state that is reached again and again: it keeps nothing of what is written. */
export type Slot = {
  encode(value: Scalar): Escaped;
  /**
   * Of an encoded value, what decides the state after it: values of one kind
   * all lead to the same. Best a word or two for all values there are.
   */
  kindOf(text: string): string;
};

/** An escaping context: a language that values are escaped for. */
export type EscapingContext = {
  /** What a person calls the language, for messages. */
  readonly title: string;
  open(): Encoder;
};

/** Text that spoils nothing, and after which no section continues anything. */
export const TAKEN: Taken = { problem: null, region: 0 };

/** A slot whose values all come to the same. */
export function slotOf(encode: (value: Scalar) => Escaped): Slot {
  return { encode, kindOf: () => "" };
}

/** A slot in which it matters whether a value is empty: then it is as if nothing were written. */
export function quotedSlotOf(encode: (value: Scalar) => Escaped): Slot {
  return { encode, kindOf: (text) => (text === "" ? EMPTY : "text") };
}

/** The kind of an empty value in a `quotedSlotOf`. */
export const EMPTY = "empty";

/** A slot of a language that follows every character. */
export function exactSlotOf(encode: (value: Scalar) => Escaped): Slot {
  return { encode, kindOf: (text) => text };
}

export function refused(reason: string): Refused {
  return { kind: "refused", reason };
}

/** A place that takes no value. */
export function obstacle(reason: string): Slot {
  return slotOf(() => refused(reason));
}

/** C0 controls (tab, CR and LF among them), DEL, C1 controls, and Unicode's line separators. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Whether a value holds a control character, which no line-oriented language carries. */
export function hasControl(value: string): boolean {
  return CONTROL.test(value);
}
