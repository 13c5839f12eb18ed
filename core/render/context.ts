/**
 * A value made fit for the language it lands in, or the reason why that
 * language cannot carry it there. There is no third outcome: what a real
 * parser of the language reads back equals the value that went in.
 */
export type Escaped =
  | { readonly kind: "escaped"; readonly text: string }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * One run through a text in one language. It is fed everything in the order
 * of output, because what a value needs depends on where it lands: a `#`
 * matters at the start of a word, a quote means something else inside quotes.
 */
export type Encoder = {
  /** Takes in text of the template's author, which goes out as it is. */
  literal(text: string): void;
  /** Escapes a value for the place reached; refused values leave the place unchanged. */
  value(value: string): Escaped;
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

export function refused(reason: string): Escaped {
  return { kind: "refused", reason };
}

/** C0 controls (tab, CR and LF among them), DEL, C1 controls, and Unicode's line separators. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Whether a value holds a control character, which no line-oriented language carries. */
export function hasControl(value: string): boolean {
  return CONTROL.test(value);
}
