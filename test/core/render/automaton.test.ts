import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createAutomaton,
  openLayer,
  slotAt,
  takeLiteral,
  takeValue,
} from "../../../core/render/automaton.ts";
import type { Encoder } from "../../../core/render/context.ts";
import { CONTEXTS, type ContextName } from "../../../core/render/contexts.ts";
import { parseTemplate } from "../../../core/render/parse.ts";
import { checkTemplate } from "../../../core/render/render.ts";
import { awkwardText } from "./awkward.ts";
import { PIECES } from "./pieces.ts";

/** What an author and values write in turns. */
type Step = { readonly literal: string } | { readonly value: string };

const stepsOf = (context: ContextName): fc.Arbitrary<readonly Step[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 2,
        arbitrary: fc
          .array(fc.constantFrom(...PIECES[context]), { minLength: 1, maxLength: 4 })
          .map((pieces) => ({ literal: pieces.join("") })),
      },
      { weight: 1, arbitrary: fc.oneof(awkwardText, fc.constantFrom("a", "")).map((value) => ({ value })) },
    ),
    { maxLength: 12 },
  );

const contexts = Object.keys(CONTEXTS) as ContextName[];

/** Languages that a section may be embedded in, and one that none knows. */
const LANGUAGES = ["shell", "kernel-args", "ignition"];

const embeddings = (encoder: Encoder) => LANGUAGES.map((language) => encoder.embed(language).kind);

describe("followed by what is remembered, a text comes to what reading it comes to", () => {
  test.each(contexts)("%s", (context) => {
    const automaton = createAutomaton(context);
    fc.assert(
      fc.property(stepsOf(context), (steps) => {
        const layer = openLayer(automaton);
        const encoder = CONTEXTS[context].open();
        let region = "";
        for (const step of steps) {
          if ("literal" in step) {
            const taken = encoder.literal(step.literal);
            region = taken.region === null ? region + step.literal : lastOf(step.literal, taken.region);
            expect(takeLiteral(layer, step.literal)).toBe(taken.problem);
          } else {
            const slot = encoder.slot();
            const text = slot.encode(step.value);
            const known = slotAt(layer);
            expect(known.encode(step.value)).toEqual(text);
            if (typeof text !== "string") continue;
            encoder.take(slot.kindOf(text));
            takeValue(layer, known, text);
            region += text;
          }
          expect(layer.region).toBe(region);
        }
      }),
      { numRuns: 1000, seed: 7 },
    );
    expect(automaton.states.size).toBeGreaterThan(1);
  });
});

describe("a value leads, by its kind, to where reading what was written for it leads", () => {
  test.each(contexts)("%s", (context) => {
    fc.assert(
      fc.property(stepsOf(context), (steps) => {
        // A value of blanks is a value, and stands before a section; an author's blanks do not.
        let hasBlank = false;
        const byKind = CONTEXTS[context].open();
        const byText = CONTEXTS[context].open();
        for (const step of steps) {
          if ("literal" in step) {
            // What spoils the value is refused.
            if (byKind.literal(step.literal).problem !== null) return;
            byText.literal(step.literal);
          } else {
            const slot = byKind.slot();
            const text = slot.encode(step.value);
            expect(byText.slot().encode(step.value)).toEqual(text);
            if (typeof text !== "string") continue;
            byKind.take(slot.kindOf(text));
            byText.literal(text);
            hasBlank ||= text !== "" && text.trim() === "";
          }
          if (!hasBlank) expect(embeddings(byKind)).toEqual(embeddings(byText));
        }
      }),
      { numRuns: 1000, seed: 7 },
    );
  });
});

test("a value that says in which language a section is, is remembered for itself alone", () => {
  const template = parseTemplate(
    "---\nkind: kickstart\n---\n%post --interpreter={{interpreter}}\necho {{x}}\n%end\n",
  );
  const problems = (interpreter: string) => checkTemplate(template, { interpreter, x: "a" }).length;
  expect(["/bin/sh", "/usr/bin/python3", "/bin/bash", "/bin/perl", "/bin/sh"].map(problems)).toEqual([
    0, 1, 0, 1, 0,
  ]);
});

test("more values of one place than are remembered, and more states", () => {
  const template = parseTemplate("---\nkind: pxelinux\n---\nLABEL {{x}}\nSAY {{x}} {{y}}\nKERNEL {{x}} a\n");
  for (let turn = 0; turn < 3000; turn++) {
    const x = `${turn}${"x".repeat(200)}`;
    const problems = checkTemplate(template, { x, y: turn % 2 === 0 ? "some text" : "" });
    expect(problems.map(({ variable }) => variable)).toEqual(turn % 2 === 0 ? [] : ["y"]);
  }
});

test("what is remembered of a template is bounded", () => {
  const automaton = createAutomaton("pxelinux");
  for (let turn = 0; turn < 3000; turn++) {
    const layer = openLayer(automaton);
    takeLiteral(layer, "SAY ");
    takeValue(layer, slotAt(layer), `${turn}${"x".repeat(1000)}`);
    takeLiteral(layer, " and more");
    expect(layer.region).toBe("");
  }
  const characters = [...automaton.states.keys()].reduce((sum, key) => sum + key.length, 0);
  expect(characters).toBeGreaterThan(100_000);
  expect(characters).toBeLessThan(1_000_000);
});

function lastOf(text: string, length: number): string {
  return text.slice(text.length - length);
}
