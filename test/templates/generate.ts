import fc from "fast-check";
import type { ParsedTemplate } from "../../core/render/parse.ts";
import type { VariableDeclaration, VariableValue } from "../../core/render/variables.ts";

/** Text without what no answer file carries in a line: control characters and line separators. */
const text = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 24 })
  .filter((value) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value) && value.isWellFormed());

/** Values for the variables of a template, each as its declaration allows; those that may be left out are at times. */
export function variablesOf({ variables }: ParsedTemplate): fc.Arbitrary<Record<string, VariableValue>> {
  const required = Object.keys(variables).filter((name) => variables[name]!.required);
  return fc.record(
    Object.fromEntries(Object.entries(variables).map(([name, each]) => [name, valueOf(each)])),
    { requiredKeys: required },
  );
}

function valueOf({ type, pattern, enum: choices }: VariableDeclaration): fc.Arbitrary<VariableValue> {
  if (choices !== undefined) return fc.constantFrom(...choices);
  const one = pattern === undefined ? text : fc.stringMatching(pattern).filter((value) => value.length <= 64);
  switch (type) {
    case "string":
      return one;
    case "list":
      return fc.array(one, { maxLength: 4 });
    case "number":
      return fc.integer({ min: 1, max: 4_094 });
    case "boolean":
      return fc.boolean();
  }
}
