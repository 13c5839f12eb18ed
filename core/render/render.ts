import { closestName } from "../closest-name.ts";
import type { Scalar } from "./context.ts";
import { blameForSection, createOutput, writeLiteral, writeScalar } from "./output.ts";
import type { Blamed, Output } from "./output.ts";
import { forExample } from "./front-matter.ts";
import { openLayer, takeLiteral, type LiteralMemory } from "./literals.ts";
import type { ParsedTemplate, Place, TemplateNode } from "./parse.ts";
import { TemplateError } from "./problems.ts";
import type { TemplateProblem, TemplateProblemCode } from "./problems.ts";
import { describeAllowed, findChoice, valueProblem, withDefaults } from "./variables.ts";

/**
 * How much a template may write, in characters as they are before escaping:
 * loops over large values could else fill the memory.
 */
const MAX_OUTPUT_LENGTH = 4 * 1024 * 1024;

/** How many pieces of a template may be walked, loops unrolled: those that write nothing count as well. */
const MAX_STEPS = 1_000_000;

/** The values a template is rendered with: variables, and what the control plane adds (`machine`, `urls` …). */
export type View = Readonly<Record<string, unknown>>;

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

/** Goes with the template: who keeps one parsed keeps what is known of its texts. */
const memories = new WeakMap<ParsedTemplate, LiteralMemory>();

function memoryOf(template: ParsedTemplate): LiteralMemory {
  let memory = memories.get(template);
  if (memory === undefined) memories.set(template, (memory = new Map()));
  return memory;
}

function run(template: ParsedTemplate, given: View): { text: string; problems: TemplateProblem[] } {
  const problems = new Map<string, TemplateProblem>();
  const report = (code: TemplateProblemCode, message: string, place: Place, variable: string): void => {
    // A place in a loop is one problem, however often the loop runs.
    const key = `${code} ${place.line} ${place.column} ${variable}`;
    if (!problems.has(key)) problems.set(key, { code, message, ...place, variable });
  };

  /** A variable that is given and not declared, and that may have been meant for one that is missing. */
  const suggestGiven = (name: string): string => {
    const others = Object.keys(given).filter((other) => !Object.hasOwn(template.variables, other));
    const meant = closestName(name, others);
    return meant === undefined ? "" : `; ${meant} is given: is it meant?`;
  };
  const view = withDefaults(template.variables, given);
  for (const [name, declaration] of Object.entries(template.variables)) {
    const value = own(view, name);
    const missing = value === undefined || value === null;
    if (missing && !declaration.required) continue;
    const problem = missing
      ? ({ code: "missing-variable", message: `is required: ${describeAllowed(declaration)}` } as const)
      : valueProblem(declaration, value);
    if (problem === null) continue;
    const hint = forExample(template, name) + (missing ? suggestGiven(name) : "");
    report(problem.code, `variable ${name} ${problem.message}${hint}`, { line: 1, column: 1 }, name);
  }

  const unresolved = (what: "variable" | "section", { name, place }: Blamed): void => {
    const meant = closestName(name, [...Object.keys(template.variables), ...Object.keys(given)]);
    const hint = meant === undefined || meant === name ? "" : `; is ${meant} meant?`;
    report("unresolved-variable", `${what} ${name} resolves to nothing${hint}`, place, name);
  };
  const refuse = ({ name, place }: Blamed, reason: string): void =>
    report("unrenderable-value", `value of ${name} cannot be rendered: ${reason}`, place, name);

  let written = 0;
  let steps = 0;
  /** Whether there is room for so much more; where there is not, the rest is not walked. */
  const hasRoom = (length: number, { name, place }: Blamed): boolean => {
    written += length;
    if (written <= MAX_OUTPUT_LENGTH) return true;
    report("output-too-large", `more than ${MAX_OUTPUT_LENGTH} characters are written`, place, name);
    return false;
  };

  const emitLiteral = (text: string, output: Output): void => {
    if (!hasRoom(text.length, { name: "", place: { line: 1, column: 1 } })) return;
    const problem = writeLiteral(output, text);
    if (problem !== null) refuse(problem.spoiled, problem.reason);
  };

  const emitValue = (node: TemplateNode & { kind: "value" }, value: unknown, output: Output): void => {
    const scalar = toScalar(value);
    if (scalar === null) return refuse(node, "it is not text, a number or a boolean");
    const plain = String(scalar);
    if (!plain.isWellFormed()) return refuse(node, "it is not well-formed Unicode");
    if (node.raw) return emitLiteral(plain, output);
    if (!hasRoom(plain.length, node)) return;
    const { name, place } = node;
    output.values.push({ name, place, value: scalar });
    const reason = writeScalar(output, scalar, { name, place });
    if (reason !== null) refuse(node, reason);
  };

  const emitSection = (
    node: TemplateNode & { kind: "context" },
    frames: readonly Frame[],
    output: Output,
  ): void => {
    const { context: name, place } = node;
    const refuseSection = (reason: string): void =>
      report("misplaced-context", `the section ${name} cannot stand here: ${reason}`, place, name);
    const embedding = output.layers.at(-1)!.encoder.embed(name);
    switch (embedding.kind) {
      case "refused":
        return refuseSection(embedding.reason);
      case "same":
        return walk(node.children, frames, output);
      case "through": {
        const { layers } = output;
        const layer = openLayer(name);
        if (embedding.before !== "") takeLiteral(output.memory, layer, embedding.before);
        output.layers = [...layers, layer];
        walk(node.children, frames, output);
        output.layers = layers;
        return;
      }
      case "whole": {
        const section = createOutput(name, output.memory);
        const before = problems.size;
        walk(node.children, frames, section);
        // What is wrong inside would only be told a second time.
        if (problems.size > before) return;
        output.values.push(...section.values);
        const reason = writeScalar(output, section.text, { name, place });
        if (reason === null) return;
        if (section.values.length === 0) return refuseSection(reason);
        for (const blamed of blameForSection(section, output)) refuse(blamed, reason);
        return;
      }
    }
  };

  const walk = (nodes: readonly TemplateNode[], frames: readonly Frame[], output: Output): void => {
    for (const node of nodes) {
      if (written > MAX_OUTPUT_LENGTH || steps > MAX_STEPS) return;
      steps += 1;
      if (steps > MAX_STEPS) {
        report("output-too-large", `more than ${MAX_STEPS} steps are taken`, { line: 1, column: 1 }, "");
        return;
      }
      switch (node.kind) {
        case "text":
          emitLiteral(node.text, output);
          break;
        case "context":
          emitSection(node, frames, output);
          break;
        case "value": {
          const value = lookUp(frames, node);
          if (value === undefined || value === null) unresolved("variable", node);
          else emitValue(node, value, output);
          break;
        }
        case "section": {
          const value = isChosen(template, frames, node.name) ?? lookUp(frames, node);
          // A declared variable without a value is what such sections are for.
          if ((value === undefined || value === null) && !Object.hasOwn(template.variables, node.name)) {
            unresolved("section", node);
            break;
          }
          for (const frame of iterations(value, node.inverted)) {
            walk(node.children, frame === INHERIT ? frames : [...frames, frame], output);
          }
          break;
        }
      }
    }
  };
  const output = createOutput(template.kind, memoryOf(template));
  walk(template.nodes, [{ value: view }], output);
  return {
    text: output.text,
    problems: [...problems.values()].sort((a, b) => a.line - b.line || a.column - b.column),
  };
}

/** Names that a list's section has beside its member; a variable cannot be named so. */
const LIST_PLACES = ["-first", "-last", "-index"] as const;
type ListPlace = (typeof LIST_PLACES)[number];

/** What names are looked up in; of a list's member also where in the list it is. */
type Frame = { readonly value: unknown; readonly place?: Readonly<Record<ListPlace, boolean | number>> };

/** A run of a section that adds no frame of its own. */
const INHERIT = Symbol("inherit");

/** mustache's rule: falsy or empty is no run, a list is one a member, anything else is one. */
function iterations(value: unknown, inverted: boolean): readonly (Frame | typeof INHERIT)[] {
  const empty = Array.isArray(value) ? value.length === 0 : !value;
  if (inverted) return empty ? [INHERIT] : [];
  if (empty) return [];
  if (Array.isArray(value)) {
    return value.map((member: unknown, index) => ({
      value: member,
      place: { "-first": index === 0, "-last": index === value.length - 1, "-index": index + 1 },
    }));
  }
  return value === true ? [INHERIT] : [{ value }];
}

/**
 * Resolves a dotted name: its first part in the innermost frame that has it,
 * the rest inside that. `-first`, `-last` and `-index` (from 1) say where in
 * the innermost list it is, as other mustaches have them.
 */
function lookUp(
  frames: readonly Frame[],
  { name, path }: { readonly name: string; readonly path: readonly string[] },
): unknown {
  if (name === ".") return frames.at(-1)?.value;
  const place = name.startsWith("-") ? LIST_PLACES.find((known) => known === name) : undefined;
  if (place !== undefined) return frames.findLast((frame) => frame.place !== undefined)?.place?.[place];
  const head = path[0]!;
  for (let i = frames.length - 1; i >= 0; i--) {
    let value = own(frames[i]!.value, head);
    if (value === undefined) continue;
    for (let part = 1; part < path.length; part++) value = own(value, path[part]!);
    return value;
  }
  return undefined;
}

/** Whether `layout` has the value `raid1`, for the name `layout.raid1`; `undefined` for any other name. */
function isChosen(
  { variables }: ParsedTemplate,
  frames: readonly Frame[],
  name: string,
): boolean | undefined {
  const choice = findChoice(variables, name);
  return choice === null
    ? undefined
    : lookUp(frames, { name: choice.variable, path: [choice.variable] }) === choice.choice;
}

/** An own property of a plain object: never a prototype's, never a list's length. */
function own(holder: unknown, key: string): unknown {
  if (typeof holder !== "object" || holder === null || Array.isArray(holder)) return undefined;
  return Object.hasOwn(holder, key) ? (holder as Record<string, unknown>)[key] : undefined;
}

function toScalar(value: unknown): Scalar | null {
  if (typeof value === "string" || typeof value === "boolean") return value;
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
