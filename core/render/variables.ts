import type { Scalar } from "./context.ts";
import { MAX_MATCHED_LENGTH, patternText } from "./pattern.ts";
import type { TemplateProblemCode } from "./problems.ts";

/** `list` is of text: packages, keys, addresses. */
export const VARIABLE_TYPES = ["string", "number", "boolean", "list"] as const;
export type VariableType = (typeof VARIABLE_TYPES)[number];

/** What a variable can hold. */
export type VariableValue = Scalar | readonly string[];

/** How many members a list may have. */
export const MAX_LIST_MEMBERS = 1_024;

/** A variable as a template's front matter declares it. */
export type VariableDeclaration = {
  readonly type: VariableType;
  /** A required variable without a default must be given. */
  readonly required: boolean;
  readonly default?: VariableValue;
  /** Matches the whole value, as text; of a list, each member. */
  readonly pattern?: RegExp;
  /** The only values of a `string`; a section `{{#name.choice}}` stands where it has that one. */
  readonly enum?: readonly string[];
  readonly description: string;
};

/** Why a value does not fit its declaration, or `null`. The message never holds the value: it may be a secret. */
export function valueProblem(
  declaration: VariableDeclaration,
  value: unknown,
): { readonly code: TemplateProblemCode; readonly message: string } | null {
  const { type, pattern } = declaration;
  if (type === "list") {
    if (!isTextList(value)) return wrongType(type, value);
    if (value.length > MAX_LIST_MEMBERS) {
      return { code: "wrong-type", message: `must have at most ${MAX_LIST_MEMBERS} members` };
    }
    for (const [index, member] of value.entries()) {
      const problem = patternProblem(pattern, member);
      if (problem !== null) return { ...problem, message: `[${index}] ${problem.message}` };
    }
    return null;
  }
  if (typeof value !== type) return wrongType(type, value);
  if (declaration.enum !== undefined && !declaration.enum.includes(String(value))) {
    return { code: "pattern-mismatch", message: `must be one of ${declaration.enum.join(", ")}` };
  }
  return patternProblem(pattern, String(value));
}

/** What a variable that has to be given may be, for the one who has to give it. */
export function describeAllowed(declaration: VariableDeclaration): string {
  const { type, pattern, description } = declaration;
  const form =
    declaration.enum !== undefined
      ? `one of ${declaration.enum.join(", ")}`
      : TYPE_TITLES[type] + (pattern === undefined ? "" : ` that matches ${patternText(pattern)}`);
  return description === "" ? form : `${form} (${description})`;
}

const TYPE_TITLES: Readonly<Record<VariableType, string>> = {
  string: "text",
  number: "a number",
  boolean: "true or false",
  list: "a list of text",
};

/** Says what was given instead, but never the value. */
function wrongType(type: VariableType, value: unknown) {
  const given = VARIABLE_TYPES.find((known) => typeof value === known) ?? (isTextList(value) ? "list" : null);
  const instead = given === null ? "something else" : TYPE_TITLES[given];
  return { code: "wrong-type", message: `must be ${TYPE_TITLES[type]}, and is ${instead}` } as const;
}

/** Whether a variable can hold this, whatever its declaration says. */
export function isVariableValue(value: unknown): value is VariableValue {
  if (typeof value === "string" || typeof value === "boolean") return true;
  return Number.isFinite(value) || isTextList(value);
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((member) => typeof member === "string");
}

function patternProblem(
  pattern: RegExp | undefined,
  text: string,
): { readonly code: TemplateProblemCode; readonly message: string } | null {
  if (pattern === undefined) return null;
  if (text.length > MAX_MATCHED_LENGTH) {
    return { code: "pattern-mismatch", message: `must be at most ${MAX_MATCHED_LENGTH} characters long` };
  }
  if (!pattern.test(text)) {
    return { code: "pattern-mismatch", message: `must match ${patternText(pattern)}` };
  }
  return null;
}

/** Takes `layout.raid1` apart where `layout` is declared with an `enum`; `null` for any other name. */
export function findChoice(
  variables: Readonly<Record<string, VariableDeclaration>>,
  name: string,
): { readonly variable: string; readonly choice: string; readonly isKnown: boolean } | null {
  const dot = name.indexOf(".");
  if (dot === -1) return null;
  const [variable, choice] = [name.slice(0, dot), name.slice(dot + 1)];
  const choices = Object.hasOwn(variables, variable) ? variables[variable]!.enum : undefined;
  return choices === undefined ? null : { variable, choice, isKnown: choices.includes(choice) };
}
