import { closestName } from "../closest-name.ts";
import { embed, takeLiteral, takeOnce } from "./automaton.ts";
import type { Scalar } from "./context.ts";
import { lookUp, type Frame } from "./frames.ts";
import { blameForSection, createOutput, layerOf, writeLiteral, writeScalar } from "./output.ts";
import type { Automata, Blamed, Output, Written } from "./output.ts";
import type { ParsedTemplate, Place, TemplateNode } from "./parse.ts";
import { TemplateError } from "./problems.ts";
import type { TemplateProblem, TemplateProblemCode } from "./problems.ts";
import { checkVariables, declaredBy, describeMissing, type Declared, type View } from "./view.ts";

/**
 * How much a template may write, in characters as they are before escaping:
 * loops over large values could else fill the memory.
 */
const MAX_OUTPUT_LENGTH = 4 * 1024 * 1024;

/** How many pieces of a template may be walked, loops unrolled: those that write nothing count as well. */
const MAX_STEPS = 1_000_000;

/**
 * Renders a template, every value escaped for the context it lands in.
 *
 * @throws TemplateError `missing-variable`, `wrong-type`, `pattern-mismatch`,
 *   `unresolved-variable`, `unrenderable-value`, `misplaced-context` or
 *   `output-too-large`: all of them at once, with
 *   the template's name
 */
export function renderTemplate(
  template: ParsedTemplate,
  view: View,
  { name }: { readonly name: string },
): string {
  const { text, problems } = run(template, view);
  if (problems.length > 0) throw new TemplateError(problems, name);
  return text;
}

/** Everything that would keep a template from being rendered with these values; empty where it can be. */
export function checkTemplate(template: ParsedTemplate, view: View): readonly TemplateProblem[] {
  return run(template, view).problems;
}

/** One template being rendered once. */
type Rendering = {
  readonly template: ParsedTemplate;
  readonly given: View;
  readonly automata: Automata;
  /** By what they say and where: a place in a loop is one problem, however often the loop runs. */
  readonly problems: Map<string, TemplateProblem>;
  written: number;
  steps: number;
};

/** What goes with a template: who keeps one parsed keeps what is known of its texts. */
type Prepared = { readonly declared: Declared; readonly automata: Automata };

const preparedOf = new WeakMap<ParsedTemplate, Prepared>();

function prepare(template: ParsedTemplate): Prepared {
  let prepared = preparedOf.get(template);
  if (prepared === undefined) {
    prepared = { declared: declaredBy(template), automata: new Map() };
    preparedOf.set(template, prepared);
  }
  return prepared;
}

function run(template: ParsedTemplate, given: View): { text: string; problems: TemplateProblem[] } {
  const { declared, automata } = prepare(template);
  const rendering: Rendering = { template, given, automata, problems: new Map(), written: 0, steps: 0 };
  for (const { code, message, name } of checkVariables(template, declared, given)) {
    report(rendering, code, message, { name, place: START });
  }
  const output = createOutput(layerOf(automata, template.kind), null);
  const around: Frame = { value: declared.defaults, around: null, place: null };
  walk(rendering, template.nodes, { value: given, around, place: null }, output);
  return {
    text: output.text,
    problems: [...rendering.problems.values()].sort((a, b) => a.line - b.line || a.column - b.column),
  };
}

/** The place of what is wrong with a template as a whole. */
const START: Place = { line: 1, column: 1 };
const WHOLE: Blamed = { name: "", place: START };

function report(
  { problems }: Rendering,
  code: TemplateProblemCode,
  message: string,
  { name: variable, place }: Blamed,
): void {
  const key = `${code} ${place.line} ${place.column} ${variable}`;
  if (!problems.has(key)) problems.set(key, { code, message, ...place, variable });
}

function reportUnresolved(rendering: Rendering, what: "variable" | "section", blamed: Blamed): void {
  const { template, given } = rendering;
  const { name } = blamed;
  // One that not every profile needs, and this one does.
  if (Object.hasOwn(template.variables, name)) {
    const message = `${what} ${name} is needed here: ${describeMissing(template, given, name)}`;
    return report(rendering, "unresolved-variable", message, blamed);
  }
  const meant = closestName(name, [...Object.keys(template.variables), ...Object.keys(given)]);
  const hint = meant === undefined || meant === name ? "" : `; is ${meant} meant?`;
  report(rendering, "unresolved-variable", `${what} ${name} resolves to nothing${hint}`, blamed);
}

function refuse(rendering: Rendering, blamed: Blamed, reason: string): void {
  const message = `value of ${blamed.name} cannot be rendered: ${reason}`;
  report(rendering, "unrenderable-value", message, blamed);
}

/** Whether there is room for so much more; where there is not, the rest is not walked. */
function hasRoom(rendering: Rendering, length: number, blamed: Blamed): boolean {
  rendering.written += length;
  if (rendering.written <= MAX_OUTPUT_LENGTH) return true;
  report(rendering, "output-too-large", `more than ${MAX_OUTPUT_LENGTH} characters are written`, blamed);
  return false;
}

function walk(rendering: Rendering, nodes: readonly TemplateNode[], frame: Frame, output: Output): void {
  for (const node of nodes) {
    if (rendering.written > MAX_OUTPUT_LENGTH || rendering.steps > MAX_STEPS) return;
    rendering.steps += 1;
    if (rendering.steps > MAX_STEPS) {
      report(rendering, "output-too-large", `more than ${MAX_STEPS} steps are taken`, WHOLE);
      return;
    }
    switch (node.kind) {
      case "text":
        emitLiteral(rendering, node.text, output, takeLiteral);
        break;
      case "value":
        emitValue(rendering, node, lookUp(frame, node.name, node.path), output);
        break;
      case "section":
        emitSection(rendering, node, frame, output);
        break;
      case "context":
        emitContext(rendering, node, frame, output);
        break;
    }
  }
}

function emitLiteral(
  rendering: Rendering,
  text: string,
  output: Output,
  take: typeof takeLiteral | typeof takeOnce,
): void {
  if (text === "" || !hasRoom(rendering, text.length, WHOLE)) return;
  const problem = writeLiteral(output, text, take);
  if (problem !== null && output.last !== null) refuse(rendering, output.last, problem);
  output.last = null;
}

function emitValue(
  rendering: Rendering,
  node: TemplateNode & { kind: "value" },
  value: unknown,
  output: Output,
): void {
  if (value === undefined || value === null) return reportUnresolved(rendering, "variable", node);
  const scalar = toScalar(value);
  if (scalar === null) return refuse(rendering, node, "it is not text, a number or a boolean");
  const plain = String(scalar);
  if (!plain.isWellFormed()) return refuse(rendering, node, "it is not well-formed Unicode");
  if (node.raw) return emitLiteral(rendering, plain, output, takeOnce);
  if (!hasRoom(rendering, plain.length, node)) return;
  output.values?.push({ blamed: node, value: scalar });
  const reason = writeScalar(output, scalar, node);
  if (reason !== null) refuse(rendering, node, reason);
}

/** mustache's rule: falsy or empty is no run, a list is one a member, anything else is one. */
function emitSection(
  rendering: Rendering,
  node: TemplateNode & { kind: "section" },
  frame: Frame,
  output: Output,
): void {
  const { children, choice } = node;
  const value =
    choice === null
      ? lookUp(frame, node.name, node.path)
      : lookUp(frame, choice.variable, [choice.variable]) === choice.choice;
  // A declared variable without a value is what such sections are for.
  if ((value === undefined || value === null) && !Object.hasOwn(rendering.template.variables, node.name)) {
    return reportUnresolved(rendering, "section", node);
  }
  const isList = Array.isArray(value);
  const isEmpty = isList ? value.length === 0 : !value;
  if (node.inverted || value === true) {
    if (isEmpty === node.inverted) walk(rendering, children, frame, output);
  } else if (isList) {
    for (const [index, member] of (value as unknown[]).entries()) {
      const place = { index, count: value.length };
      walk(rendering, children, { value: member, around: frame, place }, output);
    }
  } else if (!isEmpty) walk(rendering, children, { value, around: frame, place: null }, output);
}

/** A section in another language. */
function emitContext(
  rendering: Rendering,
  node: TemplateNode & { kind: "context" },
  frame: Frame,
  output: Output,
): void {
  const { context: name, place, children } = node;
  const refuseSection = (reason: string): void =>
    report(rendering, "misplaced-context", `the section ${name} cannot stand here: ${reason}`, {
      name,
      place,
    });
  const embedding = embed(output.layers.at(-1)!, name);
  switch (embedding.kind) {
    case "refused":
      return refuseSection(embedding.reason);
    case "same":
      return walk(rendering, children, frame, output);
    case "through": {
      const { layers } = output;
      const layer = layerOf(rendering.automata, name);
      const before = embedding.before(output.layers.at(-1)!.region);
      if (before !== "") takeOnce(layer, before);
      output.layers = [...layers, layer];
      walk(rendering, children, frame, output);
      output.layers = layers;
      return;
    }
    case "whole": {
      const values: Written[] = [];
      const section = createOutput(layerOf(rendering.automata, name), values);
      const before = rendering.problems.size;
      walk(rendering, children, frame, section);
      // What is wrong inside would only be told a second time.
      if (rendering.problems.size > before) return;
      output.values?.push(...values);
      const reason = writeScalar(output, section.text, { name, place });
      if (reason === null) return;
      if (values.length === 0) return refuseSection(reason);
      for (const blamed of blameForSection(values, output)) refuse(rendering, blamed, reason);
      return;
    }
  }
}

function toScalar(value: unknown): Scalar | null {
  if (typeof value === "string" || typeof value === "boolean") return value;
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
