import { CONTEXTS } from "../../../../core/render/contexts.ts";
import { parseInlineTemplate } from "../../../../core/render/parse.ts";
import { TemplateError } from "../../../../core/render/problems.ts";
import { renderTemplate } from "../../../../core/render/render.ts";
import type { ReadBack } from "./reader.ts";

/** How many values were tried in one context, and what became of them. */
export type Tally = { readonly read: number; readonly refused: number; readonly failures: readonly string[] };

/**
 * Renders each value at one of the context's positions, in turn, and compares
 * what every parser reads back. A refusal must name the value's variable.
 */
export function checkValues(
  { context, positions, readers }: ReadBack,
  values: readonly string[],
  turn: number,
): Tally {
  const templates = positions.map(({ body }) => parseInlineTemplate(context, body));
  const failures: string[] = [];
  const rendered: { text: string; expected: readonly string[]; at: number }[] = [];
  let refused = 0;
  for (const [index, value] of values.entries()) {
    const at = (turn + index) % positions.length;
    try {
      const text = renderTemplate(templates[at]!, { x: value }, { name: "t" });
      rendered.push({ text, expected: positions[at]!.expect(value), at });
    } catch (error) {
      if (!isRefusal(error)) failures.push(`${context}: ${JSON.stringify(value)}: ${String(error)}`);
      refused += 1;
    }
  }
  const texts = rendered.map(({ text }) => text);
  for (const reader of readers.filter(({ available }) => available)) {
    const readings = reader.read(
      texts,
      rendered.map(({ expected }) => expected),
    );
    for (const [index, { text, expected, at }] of rendered.entries()) {
      const found = JSON.stringify(readings[index]);
      if (found !== JSON.stringify(expected)) {
        const shown = [text, JSON.stringify(expected), found].map((part) => part.slice(0, 200));
        failures.push(`${context}, ${reader.name}, position ${at}: ${JSON.stringify(shown)}`);
      }
    }
  }
  return { read: rendered.length, refused, failures };
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof TemplateError &&
    error.errors.every(({ code, variable }) => code === "unrenderable-value" && variable === "x")
  );
}

/** Every context has an entry, so that a new one cannot be forgotten. */
export function contextsWithout(readBacks: readonly ReadBack[]): string[] {
  return Object.keys(CONTEXTS).filter((name) => readBacks.every(({ context }) => context !== name));
}
