import { forExample, type FrontMatter } from "./front-matter.ts";
import { describeAllowed, isVariableValue, valueProblem, type VariableValue } from "./variables.ts";
import type { TemplateProblemCode } from "./problems.ts";

/** Where a variable's value can come from; later ones win, `default` is the template's own. */
export type VariableSource = "default" | "site" | "profile" | "machine" | "order";

/** The variables of one level. */
export type VariableLevel = {
  readonly source: Exclude<VariableSource, "default">;
  readonly variables: Readonly<Record<string, unknown>>;
};

/** One variable as a template sees it. */
export type ExplainedVariable = {
  readonly name: string;
  /** `null` where no level gives one. */
  readonly value: VariableValue | null;
  /** The level that won, `null` where there is no value. */
  readonly source: VariableSource | null;
  /** Levels that gave a value and lost, nearest first. */
  readonly overridden: readonly VariableSource[];
  /** Whether the template declares it; others may still be used by name. */
  readonly declared: boolean;
  /** What is wrong with it; the message never holds the value. */
  readonly problem: { readonly code: TemplateProblemCode; readonly message: string } | null;
};

/** From the weakest to the strongest. */
const ORDER: readonly VariableLevel["source"][] = ["site", "profile", "machine", "order"];

/**
 * Merges the levels site < profile < machine < order over a template's
 * defaults, and says of every variable where its value came from and whether
 * it fits its declaration: what `preview` shows. The levels may come in any
 * order. Declared variables come first, as declared; then the rest by name.
 */
export function explainVariables(
  levels: readonly VariableLevel[],
  template: Pick<FrontMatter, "variables" | "examples">,
): ExplainedVariable[] {
  const declarations = template.variables;
  const strongestFirst = ORDER.toReversed().flatMap((source) =>
    levels.filter((level) => level.source === source),
  );
  const given = new Set(levels.flatMap(({ variables }) => Object.keys(variables)));
  const declared = Object.keys(declarations);
  const others = [...given].filter((name) => !Object.hasOwn(declarations, name)).toSorted();

  return [...declared, ...others].map((name) => {
    const declaration = Object.hasOwn(declarations, name) ? declarations[name] : undefined;
    const candidates: { readonly source: VariableSource; readonly value: unknown }[] = strongestFirst.flatMap(
      ({ source, variables }) =>
        // An own property only, and null is no value: it lets the level below through.
        Object.hasOwn(variables, name) && variables[name] !== null && variables[name] !== undefined
          ? [{ source, value: variables[name] }]
          : [],
    );
    if (declaration?.default !== undefined)
      candidates.push({ source: "default", value: declaration.default });
    const [winner, ...losers] = candidates;
    const value = winner?.value;
    let problem: ExplainedVariable["problem"] = null;
    if (winner === undefined) {
      if (declaration?.required === true) {
        const message = `is required: ${describeAllowed(declaration)}${forExample(template, name)}`;
        problem = { code: "missing-variable", message };
      }
    } else if (declaration !== undefined) {
      const wrong = valueProblem(declaration, value);
      if (wrong !== null) problem = { ...wrong, message: wrong.message + forExample(template, name) };
    } else if (!isVariableValue(value))
      problem = { code: "wrong-type", message: "must be text, a number, a boolean or a list of text" };
    return {
      name,
      value: isVariableValue(value) ? value : null,
      source: winner?.source ?? null,
      overridden: losers.map(({ source }) => source),
      declared: declaration !== undefined,
      problem,
    };
  });
}
