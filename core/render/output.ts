import { createAutomaton, openLayer, slotAt, takeValue } from "./automaton.ts";
import type { Automaton, Layer, takeLiteral, takeOnce } from "./automaton.ts";
import type { Scalar } from "./context.ts";
import { CONTEXTS } from "./contexts.ts";
import type { ContextName } from "./contexts.ts";
import type { Place } from "./parse.ts";

/** The variable, or the section, that a problem is told of. */
export type Blamed = { readonly name: string; readonly place: Place };

/** What is known of the texts of one template, by the language they are read in. */
export type Automata = Map<ContextName, Automaton>;

/** A text being written, in a language that sections may switch and that may end up inside another. */
export type Output = {
  text: string;
  /** The language, and those that sections have switched to, outermost first. */
  layers: readonly Layer[];
  /** The value right before, where nothing stands between. */
  last: Blamed | null;
  /** Every value written, for when the text as a whole is refused; `null` where nobody refuses it. */
  readonly values: Written[] | null;
};

/** A value, and what named it. */
export type Written = { readonly blamed: Blamed; readonly value: Scalar };

export function createOutput(layer: Layer, values: Written[] | null): Output {
  return { text: "", layers: [layer], last: null, values };
}

export function layerOf(automata: Automata, context: ContextName): Layer {
  let automaton = automata.get(context);
  if (automaton === undefined) automata.set(context, (automaton = createAutomaton(context)));
  return openLayer(automaton);
}

/**
 * Writes text of the template's author. Returns why it spoils the value right
 * before it, which is `output.last`, or `null`.
 *
 * @param take `takeOnce` where it came with the values
 */
export function writeLiteral(
  output: Output,
  text: string,
  take: typeof takeLiteral | typeof takeOnce,
): string | null {
  let reason: string | null = null;
  for (const layer of output.layers) {
    const found = take(layer, text);
    reason ??= found;
  }
  output.text += text;
  return reason;
}

/**
 * Writes a value, escaped inwards out: what the inner language makes of it
 * must survive the outer one. Returns why it is refused, or `null`.
 */
export function writeScalar(output: Output, scalar: Scalar, blamed: Blamed): string | null {
  const { layers } = output;
  let piece = scalar;
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i]!;
    const slot = slotAt(layer);
    const result = slot.encode(piece);
    if (typeof result !== "string") return result.reason;
    takeValue(layer, slot, result);
    piece = result;
  }
  output.last = blamed;
  output.text += String(piece);
  return null;
}

/**
 * The values that make the text of a section one that the languages around
 * cannot carry: those they would not carry alone, else all of them.
 */
export function blameForSection(values: readonly Written[], around: Output): readonly Blamed[] {
  const guilty = values.filter(({ value }) =>
    around.layers.some(
      ({ automaton }) => typeof CONTEXTS[automaton.context].open().slot().encode(value) !== "string",
    ),
  );
  return (guilty.length > 0 ? guilty : values).map(({ blamed }) => blamed);
}
