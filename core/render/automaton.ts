import type { Embedding, Encoder, Slot } from "./context.ts";
import { CONTEXTS } from "./contexts.ts";
import type { ContextName } from "./contexts.ts";

/**
 * A language as the texts of one template lead through it: the states that an
 * encoder came to, and the ways between them. It grows with what is rendered
 * and is followed instead of reading the same text again. Equal states are
 * one, so that a loop closes, and values are known by their kind only.
 */
export type Automaton = {
  readonly context: ContextName;
  /** By what the encoder saves. */
  readonly states: Map<string, State>;
  readonly start: State;
  /** How much is remembered, in characters or what is as large. */
  size: number;
};

type State = {
  readonly saved: unknown;
  readonly literals: Map<string, Way>;
  /** By the kind of the value. */
  readonly values: Map<string, State>;
  slot: Slot | null;
  readonly embeddings: Map<ContextName, Embedding>;
};

/** What an author's text does in a state. */
type Way = {
  /** `null` where no more is remembered. */
  readonly after: State | null;
  readonly problem: string | null;
  /** The region that begins in the text; `null`: it goes on. */
  readonly region: string | null;
};

/** Of one template and language; past it, what is new is read each time. */
const MAX_SIZE = 1 << 20;
/** Of a state besides what is saved, and of a way. */
const STATE_SIZE = 400;
const WAY_SIZE = 100;
/** Of the values of one place: more are a language's that follows every character. */
const MAX_KINDS = 8;

/**
 * A text being written in one language. It is in a state of the automaton, or
 * has an encoder that has gone where the automaton does not lead.
 */
export type Layer = {
  readonly automaton: Automaton;
  state: State | null;
  encoder: Encoder | null;
  /** See `Taken`. */
  region: string;
};

export function createAutomaton(context: ContextName): Automaton {
  const saved: unknown = CONTEXTS[context].open().save();
  const start = createState(saved);
  return { context, states: new Map([[JSON.stringify(saved), start]]), start, size: 0 };
}

/** A text from its beginning. */
export function openLayer(automaton: Automaton): Layer {
  return { automaton, state: automaton.start, encoder: null, region: "" };
}

/** Takes in a text of the template's. Returns why it spoils the value right before it, or `null`. */
export function takeLiteral(layer: Layer, text: string): string | null {
  const { state, automaton } = layer;
  let way = state?.literals.get(text);
  if (way === undefined) {
    way = readLiteral(layer, text);
    if (state !== null && way.after !== null && automaton.size < MAX_SIZE) {
      automaton.size += WAY_SIZE;
      state.literals.set(text, way);
    }
  }
  return follow(layer, way, text);
}

/** As `takeLiteral`, of a text that may be another the next time. */
export function takeOnce(layer: Layer, text: string): string | null {
  return follow(layer, readLiteral(layer, text), text);
}

/** How values are written at the place reached. */
export function slotAt(layer: Layer): Slot {
  const { state } = layer;
  if (state === null) return layer.encoder!.slot();
  state.slot ??= wake(layer).slot();
  return state.slot;
}

/** Takes in what the slot has encoded. */
export function takeValue(layer: Layer, slot: Slot, text: string): void {
  const { state } = layer;
  const kind = slot.kindOf(text);
  layer.region += text;
  const known = state?.values.get(kind);
  if (known !== undefined) {
    layer.state = known;
    return;
  }
  const encoder = wake(layer);
  encoder.take(kind);
  layer.state = null;
  if (state === null || state.values.size >= MAX_KINDS) return;
  layer.state = findState(layer.automaton, encoder);
  if (layer.state !== null) state.values.set(kind, layer.state);
}

/** How a section in another language is taken in there. */
export function embed(layer: Layer, language: ContextName): Embedding {
  const { state } = layer;
  let embedding = state?.embeddings.get(language);
  if (embedding === undefined) {
    embedding = wake(layer).embed(language);
    state?.embeddings.set(language, embedding);
  }
  return embedding;
}

function readLiteral(layer: Layer, text: string): Way {
  const encoder = wake(layer);
  const { problem, region } = encoder.literal(text);
  return {
    after: findState(layer.automaton, encoder),
    problem,
    region: region === null ? null : text.slice(text.length - region),
  };
}

function follow(layer: Layer, { after, problem, region }: Way, text: string): string | null {
  layer.state = after;
  layer.region = region ?? layer.region + text;
  return problem;
}

/** The layer's encoder, knowing all. */
function wake(layer: Layer): Encoder {
  layer.encoder ??= CONTEXTS[layer.automaton.context].open();
  if (layer.state !== null) layer.encoder.restore(layer.state.saved);
  return layer.encoder;
}

/** The state that an encoder has come to; `null` where it is new, and enough is remembered. */
function findState(automaton: Automaton, encoder: Encoder): State | null {
  const saved: unknown = encoder.save();
  const key = JSON.stringify(saved);
  const known = automaton.states.get(key);
  if (known !== undefined) return known;
  const size = automaton.size + 2 * key.length + STATE_SIZE;
  if (size > MAX_SIZE) return null;
  const state = createState(saved);
  automaton.states.set(key, state);
  automaton.size = size;
  return state;
}

function createState(saved: unknown): State {
  return { saved, literals: new Map(), values: new Map(), slot: null, embeddings: new Map() };
}
