import type { Scalar } from "./context.ts";
import { CONTEXTS } from "./contexts.ts";
import type { ContextName } from "./contexts.ts";
import { openLayer, takeLiteral, takeValue, type Layer, type LiteralMemory } from "./literals.ts";
import type { Place } from "./parse.ts";

/** The variable, or the section, that a problem is told of. */
export type Blamed = { readonly name: string; readonly place: Place };

/** A text being written, in a language that sections may switch and that may end up inside another. */
export type Output = {
  readonly memory: LiteralMemory;
  text: string;
  /** The language, and those that sections have switched to, outermost first. */
  layers: readonly Layer[];
  /** The value right before, where nothing stands between. */
  last: Blamed | null;
  /** Every value written, for when the text as a whole is refused. */
  readonly values: (Blamed & { readonly value: Scalar })[];
};

export function createOutput(context: ContextName, memory: LiteralMemory): Output {
  return { memory, text: "", layers: [openLayer(context)], last: null, values: [] };
}

/** Writes text of the template's author. Returns why it spoils the value right before it, or `null`. */
export function writeLiteral(
  output: Output,
  text: string,
): { readonly spoiled: Blamed; readonly reason: string } | null {
  if (text === "") return null;
  let reason: string | null = null;
  for (const layer of output.layers) {
    const found = takeLiteral(output.memory, layer, text);
    reason ??= found;
  }
  const spoiled = output.last;
  output.last = null;
  output.text += text;
  return reason !== null && spoiled !== null ? { spoiled, reason } : null;
}

/**
 * Writes a value, escaped inwards out: what the inner language makes of it
 * must survive the outer one. Returns why it is refused, or `null`.
 */
export function writeScalar(output: Output, scalar: Scalar, blamed: Blamed): string | null {
  let piece = scalar;
  for (let i = output.layers.length - 1; i >= 0; i--) {
    const result = takeValue(output.memory, output.layers[i]!, piece);
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
