/** What a template can insert: a number or a boolean keeps its type in languages that have types. */
export type Scalar = string | number | boolean;

/**
 * A value made fit for the language it lands in, or the reason why that
 * language cannot carry it there. There is no third outcome: what a real
 * parser of the language reads back equals the value that went in.
 */
export type Escaped =
  | { readonly kind: "escaped"; readonly text: string }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * How a place takes in a section of another language:
 * - `same`: the place is of that language already, values need nothing more;
 * - `through`: the section's text is the place's text, character by character,
 *   and continues `before`; values are escaped for both, inwards out;
 * - `whole`: the section is rendered on its own and then inserted as one value;
 * - `refused`: its text would be read neither way for certain.
 */
export type Embedding =
  | { readonly kind: "same" }
  | { readonly kind: "through"; readonly before: string }
  | { readonly kind: "whole" }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * One run through a text in one language. It is fed everything in the order
 * of output, because what a value needs depends on where it lands: a `#`
 * matters at the start of a word, a quote means something else inside quotes.
 */
export type Encoder = {
  /**
   * Takes in text of the template's author, which goes out as it is. Returns
   * why it spoils the value right before it, or `null`: some languages take
   * a value only as a whole, which shows by what follows.
   */
  literal(text: string): string | null;
  /** Escapes a value for the place reached; refused values leave the place unchanged. */
  value(value: Scalar): Escaped;
  /** What it knows so far, as JSON would have it and never changed afterwards. */
  save(): Saved;
  /**
   * Goes on from what it, or another of its kind, knew after it had taken in
   * `text` as a literal, as if it had taken that in now.
   */
  restore(saved: Saved, text: string): void;
  /** Whether what it knows after the value just written would be the same after any other. */
  isSettled(): boolean;
  /** How a section in `language`, the name of a context, would be taken in at the place reached. */
  embed(language: string): Embedding;
};

/** What an encoder knows of a text, see `Encoder.save`. */
export type Saved = {
  /** All that decides what comes; equal states are equal JSON. */
  // oxlint-disable-next-line typescript/no-explicit-any -- each encoder's own, which nobody else looks into
  readonly state: any;
  /** How many characters of the text, up to its end, may be looked at again. */
  readonly since?: number;
};

/** An escaping context: a language that values are escaped for. */
export type EscapingContext = {
  /** What a person calls the language, for messages. */
  readonly title: string;
  open(): Encoder;
};

export function escaped(text: string): Escaped {
  return { kind: "escaped", text };
}

export function refused(reason: string): { readonly kind: "refused"; readonly reason: string } {
  return { kind: "refused", reason };
}

/** C0 controls (tab, CR and LF among them), DEL, C1 controls, and Unicode's line separators. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Whether a value holds a control character, which no line-oriented language carries. */
export function hasControl(value: string): boolean {
  return CONTROL.test(value);
}
