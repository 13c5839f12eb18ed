import type { Encoder, Escaped, Saved, Scalar } from "./context.ts";
import { CONTEXTS } from "./contexts.ts";
import type { ContextName } from "./contexts.ts";

/** A language being written, and what its encoder knows, where that has been seen before. */
export type Layer = { readonly context: ContextName; readonly encoder: Encoder; known: Saved | null };

/**
 * What the author's texts of one template did to encoders, so that they are
 * read once and not with every rendering.
 */
export type LiteralMemory = Map<ContextName, ContextMemory>;

type ContextMemory = {
  readonly texts: Map<string, readonly Part[]>;
  /** What is known after a value, by what was known before, where the value itself does not matter. */
  readonly settled: Map<Saved, Saved>;
};

/** A text, or what of it comes after its first line; and what it did, by what was known before. */
type Part = {
  readonly text: string;
  readonly effects: Map<string, Effect>;
  readonly known: Map<Saved, Effect>;
};

/** `problem`: why the text spoils the value right before it. */
type Effect = { readonly after: Saved; readonly problem: string | null };

/** Shorter ones are read as fast as they are looked up, where what was known before has to be written down. */
const MIN_LENGTH = 24;
/** Of one text: it stands in few places, and mostly what is known at them does not depend on values. */
const MAX_EFFECTS = 32;

/** What every encoder knows at first; never restored. */
const NOTHING: Saved = { state: null };

export function openLayer(context: ContextName): Layer {
  return { context, encoder: CONTEXTS[context].open(), known: NOTHING };
}

/** As `encoder.literal`, by memory where it has seen the same. */
export function takeLiteral(memory: LiteralMemory, layer: Layer, text: string): string | null {
  let problem: string | null = null;
  for (const part of partsOf(memory, layer.context, text)) {
    const found = takePart(layer, part);
    problem ??= found;
  }
  return problem;
}

/** As `encoder.value`. */
export function takeValue(memory: LiteralMemory, layer: Layer, value: Scalar): Escaped {
  const result = layer.encoder.value(value);
  if (result.kind === "refused") return result;
  const before = layer.known;
  layer.known = null;
  if (before === null || !layer.encoder.isSettled()) return result;
  const { settled } = memoryOf(memory, layer.context);
  const after = settled.get(before);
  if (after !== undefined) layer.known = after;
  else if (settled.size < MAX_EFFECTS * MAX_EFFECTS) {
    layer.known = layer.encoder.save();
    settled.set(before, layer.known);
  }
  return result;
}

function memoryOf(memory: LiteralMemory, context: ContextName): ContextMemory {
  let found = memory.get(context);
  if (found === undefined) memory.set(context, (found = { texts: new Map(), settled: new Map() }));
  return found;
}

function partsOf(memory: LiteralMemory, context: ContextName, text: string): readonly Part[] {
  const { texts } = memoryOf(memory, context);
  const known = texts.get(text);
  if (known !== undefined) return known;
  // What many languages know of a value is forgotten with its line.
  const lineEnd = text.indexOf("\n") + 1;
  const parts = [text.slice(0, lineEnd), text.slice(lineEnd)]
    .filter((part) => part !== "")
    .map((part) => ({ text: part, effects: new Map<string, Effect>(), known: new Map<Saved, Effect>() }));
  texts.set(text, parts);
  return parts;
}

function takePart(layer: Layer, { text, effects, known }: Part): string | null {
  const { encoder, known: before } = layer;
  if (before === null && text.length < MIN_LENGTH) return encoder.literal(text);
  let effect = before === null ? undefined : known.get(before);
  if (effect === undefined) {
    const key = JSON.stringify(encoder.save().state);
    effect = effects.get(key);
    if (effect === undefined) {
      if (effects.size === MAX_EFFECTS) {
        layer.known = null;
        return encoder.literal(text);
      }
      const problem = encoder.literal(text);
      effect = { after: encoder.save(), problem };
      effects.set(key, effect);
    } else encoder.restore(effect.after, text);
    if (before !== null && known.size < MAX_EFFECTS) known.set(before, effect);
  } else encoder.restore(effect.after, text);
  layer.known = effect.after;
  return effect.problem;
}
