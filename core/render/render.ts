import type { Encoder } from "./context.ts";
import { CONTEXTS } from "./contexts.ts";
import type { ParsedTemplate, Place, TemplateNode } from "./parse.ts";
import { TemplateError } from "./problems.ts";
import type { TemplateProblem, TemplateProblemCode } from "./problems.ts";
import { valueProblem, withDefaults } from "./variables.ts";

/** The values a template is rendered with: variables, and what the control plane adds (`machine`, `urls` …). */
export type View = Readonly<Record<string, unknown>>;

/**
 * Renders a template, every value escaped for the context it lands in.
 *
 * @throws TemplateError `missing-variable`, `wrong-type`, `pattern-mismatch`,
 *   `unresolved-variable` or `unrenderable-value`: all of them at once, with
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

function run(template: ParsedTemplate, given: View): { text: string; problems: TemplateProblem[] } {
  const problems = new Map<string, TemplateProblem>();
  const report = (code: TemplateProblemCode, message: string, place: Place, variable: string): void => {
    // A place in a loop is one problem, however often the loop runs.
    const key = `${code} ${place.line} ${place.column} ${variable}`;
    if (!problems.has(key)) problems.set(key, { code, message, ...place, variable });
  };

  const view = withDefaults(template.variables, given);
  for (const [name, declaration] of Object.entries(template.variables)) {
    const value = own(view, name);
    const start = { line: 1, column: 1 };
    if (value === undefined || value === null) {
      if (declaration.required) report("missing-variable", `variable ${name} is required`, start, name);
      continue;
    }
    const problem = valueProblem(declaration, value);
    if (problem !== null) report(problem.code, `variable ${name} ${problem.message}`, start, name);
  }

  let text = "";
  const emitLiteral = (piece: string, encoders: readonly Encoder[]): void => {
    for (const encoder of encoders) encoder.literal(piece);
    text += piece;
  };

  const emitValue = (
    node: TemplateNode & { kind: "value" },
    value: unknown,
    encoders: readonly Encoder[],
  ): void => {
    const { name, place } = node;
    const refuse = (reason: string): void =>
      report("unrenderable-value", `value of ${name} cannot be rendered: ${reason}`, place, name);
    const plain = plainText(value);
    if (plain === null) return refuse("it is not text, a number or a boolean");
    if (!plain.isWellFormed()) return refuse("it is not well-formed Unicode");
    if (node.raw) return emitLiteral(plain, encoders);
    let piece = plain;
    // Inwards out: what the inner language makes of it must survive the outer one.
    for (const encoder of encoders.toReversed()) {
      const result = encoder.value(piece);
      if (result.kind === "refused") return refuse(result.reason);
      piece = result.text;
    }
    text += piece;
  };

  const walk = (
    nodes: readonly TemplateNode[],
    frames: readonly unknown[],
    encoders: readonly Encoder[],
  ): void => {
    for (const node of nodes) {
      switch (node.kind) {
        case "text":
          emitLiteral(node.text, encoders);
          break;
        case "context":
          walk(node.children, frames, [...encoders, CONTEXTS[node.context].open()]);
          break;
        case "value": {
          const value = lookUp(frames, node.name);
          if (value === undefined || value === null) {
            report("unresolved-variable", `variable ${node.name} resolves to nothing`, node.place, node.name);
          } else emitValue(node, value, encoders);
          break;
        }
        case "section": {
          const value = lookUp(frames, node.name);
          // A declared variable without a value is what such sections are for.
          if ((value === undefined || value === null) && !Object.hasOwn(template.variables, node.name)) {
            report("unresolved-variable", `section ${node.name} resolves to nothing`, node.place, node.name);
            break;
          }
          for (const frame of iterations(value, node.inverted)) {
            walk(node.children, frame === INHERIT ? frames : [...frames, frame], encoders);
          }
          break;
        }
      }
    }
  };
  walk(template.nodes, [view], [CONTEXTS[template.kind].open()]);
  return { text, problems: [...problems.values()].sort((a, b) => a.line - b.line || a.column - b.column) };
}

/** A run of a section that adds no frame of its own. */
const INHERIT = Symbol("inherit");

/** mustache's rule: falsy or empty is no run, a list is one a member, anything else is one. */
function iterations(value: unknown, inverted: boolean): readonly unknown[] {
  const empty = Array.isArray(value) ? value.length === 0 : !value;
  if (inverted) return empty ? [INHERIT] : [];
  if (empty) return [];
  if (Array.isArray(value)) return value;
  return value === true ? [INHERIT] : [value];
}

/** Resolves a dotted name: its first part in the innermost frame that has it, the rest inside that. */
function lookUp(frames: readonly unknown[], name: string): unknown {
  if (name === ".") return frames.at(-1);
  const [head, ...rest] = name.split(".") as [string, ...string[]];
  const frame = frames.findLast((frame) => own(frame, head) !== undefined);
  return rest.reduce(own, own(frame, head));
}

/** An own property of a plain object: never a prototype's, never a list's length. */
function own(holder: unknown, key: string): unknown {
  if (typeof holder !== "object" || holder === null || Array.isArray(holder)) return undefined;
  return Object.hasOwn(holder, key) ? (holder as Record<string, unknown>)[key] : undefined;
}

function plainText(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value)))
    return String(value);
  return null;
}
