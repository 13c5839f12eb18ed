import type { Scalar } from "./context.ts";
import { MAX_MATCHED_LENGTH } from "./pattern.ts";
import type { TemplateProblemCode } from "./problems.ts";

export type VariableType = "string" | "number" | "boolean";

/** A variable as a template's front matter declares it. */
export type VariableDeclaration = {
  readonly type: VariableType;
  /** A required variable without a default must be given. */
  readonly required: boolean;
  readonly default?: Scalar;
  /** Matches the whole value, as text. */
  readonly pattern?: RegExp;
  readonly description: string;
};

/** Why a value does not fit its declaration, or `null`. The message never holds the value: it may be a secret. */
export function valueProblem(
  declaration: VariableDeclaration,
  value: unknown,
): { readonly code: TemplateProblemCode; readonly message: string } | null {
  if (typeof value !== declaration.type) {
    return { code: "wrong-type", message: `must be a ${declaration.type}` };
  }
  const { pattern } = declaration;
  if (pattern === undefined) return null;
  const text = String(value);
  if (text.length > MAX_MATCHED_LENGTH) {
    return { code: "pattern-mismatch", message: `must be at most ${MAX_MATCHED_LENGTH} characters long` };
  }
  if (!pattern.test(text)) {
    return { code: "pattern-mismatch", message: `must match ${pattern.source}` };
  }
  return null;
}

/** The view with the declared defaults where it has nothing. */
export function withDefaults(
  variables: Readonly<Record<string, VariableDeclaration>>,
  view: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const full: Record<string, unknown> = { ...view };
  for (const [name, declaration] of Object.entries(variables)) {
    if (declaration.default !== undefined && (full[name] === undefined || full[name] === null)) {
      full[name] = declaration.default;
    }
  }
  return full;
}
