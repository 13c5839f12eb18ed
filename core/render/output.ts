import type { Encoder, Scalar } from "./context.ts";
import { CONTEXTS } from "./contexts.ts";
import type { ContextName } from "./contexts.ts";
import type { Place } from "./parse.ts";

/** The variable, or the section, that a problem is told of. */
export type Blamed = { readonly name: string; readonly place: Place };

type Layer = { readonly context: ContextName; readonly encoder: Encoder };

/** A text being written, in a language that sections may switch and that may end up inside another. */
export type Output = {
  text: string;
  /** The language, and those that sections have switched to, outermost first. */
  layers: readonly Layer[];
  /** The value right before, where nothing stands between. */
  last: Blamed | null;
  /** Every value written, for when the text as a whole is refused. */
  readonly values: (Blamed & { readonly value: Scalar })[];
};

export function createOutput(context: ContextName): Output {
  return { text: "", layers: [openLayer(context)], last: null, values: [] };
}

export function openLayer(context: ContextName): Layer {
  return { context, encoder: CONTEXTS[context].open() };
}

/** Writes text of the template's author. Returns why it spoils the value right before it, or `null`. */
export function writeLiteral(
  output: Output,
  text: string,
): { readonly spoiled: Blamed; readonly reason: string } | null {
  if (text === "") return null;
  const reasons = output.layers.map(({ encoder }) => encoder.literal(text));
  const reason = reasons.find((reason) => reason !== null);
  const spoiled = output.last;
  output.last = null;
  output.text += text;
  return reason !== undefined && reason !== null && spoiled !== null ? { spoiled, reason } : null;
}

/**
 * Writes a value, escaped inwards out: what the inner language makes of it
 * must survive the outer one. Returns why it is refused, or `null`.
 */
export function writeScalar(output: Output, scalar: Scalar, blamed: Blamed): string | null {
  let piece = scalar;
  for (const { encoder } of output.layers.toReversed()) {
    const result = encoder.value(piece);
    if (result.kind === "refused") return result.reason;
    piece = result.text;
  }
  output.last = blamed;
  output.text += String(piece);
  return null;
}

/**
 * The values that make the text of a section one that the languages around
 * cannot carry: those they would not carry alone, else all of them.
 */
export function blameForSection(section: Output, around: Output): readonly Blamed[] {
  const guilty = section.values.filter(({ value }) =>
    around.layers.some(({ context }) => CONTEXTS[context].open().value(value).kind === "refused"),
  );
  return guilty.length > 0 ? guilty : section.values;
}
