import type { ContextName } from "../../../../core/render/contexts.ts";

/** A place in a text that a value is put in, as the variable `x`. */
export type Position = {
  /** The template's body. */
  readonly body: string;
  /** What a parser must find in the text, where the value is not refused. */
  readonly expect: (value: string) => readonly string[];
};

/** What a parser found in each text: all its strings in order, or why it could not be read. */
export type Readings = readonly (readonly string[] | { readonly error: string })[];

/** A parser of one of the languages, reading many texts at once. */
export type Reader = {
  /** Names the parser, for reports. */
  readonly name: string;
  readonly available: boolean;
  /** @param expected lets a parser that shows its result imperfectly say whether it can be this one */
  read(texts: readonly string[], expected: readonly (readonly string[])[]): Readings;
};

/** A context with the places to try and the parsers that must agree on each. */
export type ReadBack = {
  readonly context: ContextName;
  readonly positions: readonly Position[];
  readonly readers: readonly Reader[];
};
