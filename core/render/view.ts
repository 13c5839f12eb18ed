import { closestName } from "../closest-name.ts";
import { own } from "./frames.ts";
import { forExample } from "./front-matter.ts";
import type { ParsedTemplate } from "./parse.ts";
import type { TemplateProblemCode } from "./problems.ts";
import { describeAllowed, valueProblem, type VariableDeclaration } from "./variables.ts";

/** The values a template is rendered with: variables, and what the control plane adds (`machine`, `urls` …). */
export type View = Readonly<Record<string, unknown>>;

/** What is wrong with the value of a variable, or that it has none. */
type VariableProblem = {
  readonly code: TemplateProblemCode;
  readonly message: string;
  /** The variable's. */
  readonly name: string;
};

/** A template's variables, as each rendering wants them. */
export type Declared = {
  readonly declarations: readonly (readonly [name: string, VariableDeclaration])[];
  readonly defaults: View;
};

export function declaredBy({ variables }: ParsedTemplate): Declared {
  const declarations = Object.entries(variables);
  const defaults = declarations.flatMap(([name, each]) =>
    each.default === undefined ? [] : [[name, each.default] as const],
  );
  return { declarations, defaults: Object.fromEntries(defaults) };
}

/** Every variable that does not fit its declaration. The defaults do: they were looked at when they were parsed. */
export function checkVariables(
  template: ParsedTemplate,
  { declarations }: Declared,
  given: View,
): readonly VariableProblem[] {
  const problems: VariableProblem[] = [];
  for (const [name, declaration] of declarations) {
    const value = own(given, name);
    if (value !== undefined && value !== null) {
      const problem = valueProblem(declaration, value);
      if (problem === null) continue;
      const message = `variable ${name} ${problem.message}${forExample(template, name)}`;
      problems.push({ code: problem.code, message, name });
    } else if (declaration.required && declaration.default === undefined) {
      const message = `variable ${name} is required: ${describeMissing(template, given, name)}`;
      problems.push({ code: "missing-variable", message, name });
    }
  }
  return problems;
}

/** What a declared variable that has no value may be, with an example, and what may have been meant for it. */
export function describeMissing(template: ParsedTemplate, given: View, name: string): string {
  const allowed = describeAllowed(template.variables[name]!) + forExample(template, name);
  return allowed + suggestGiven(template, given, name);
}

/** A variable that is given and not declared, and that may have been meant for one that is missing. */
function suggestGiven({ variables }: ParsedTemplate, given: View, name: string): string {
  const others = Object.keys(given).filter((other) => !Object.hasOwn(variables, other));
  const meant = closestName(name, others);
  return meant === undefined ? "" : `; ${meant} is given: is it meant?`;
}
