import { createView, type RenderView } from "../core/boot/view.ts";
import { parseTemplate, type ParsedTemplate } from "../core/render/parse.ts";
import { checkTemplate } from "../core/render/render.ts";
import { ProblemError, type FieldError } from "./problem.ts";
import { secretNames } from "../core/render/secret-names.ts";
import { findProblems, PLACEHOLDERS } from "./site-object/render.ts";
import { withTree } from "./tree-url.ts";

/** A machine that has everything a template may name. */
const EXAMPLE_MACHINE = {
  id: "0123456789abcdef",
  name: "node1",
  macs: ["52:54:00:00:00:01"],
  uuid: "01234567-89ab-cdef-0123-456789abcdef",
  serial: "SERIAL0001",
  address: "192.0.2.10",
  variables: {},
};

/**
 * Refuses a template that cannot be parsed, or that one of its own examples
 * does not fit, with every place.
 *
 * @throws ProblemError `invalid`
 */
export function checkTemplateText(text: string): void {
  const errors: FieldError[] = [];
  const problems = findProblems(() => {
    const template = parseTemplate(text);
    for (const [name, variables] of Object.entries(template.examples)) {
      for (const { line, column, message } of checkTemplate(template, exampleView(template, variables))) {
        errors.push({ field: `text:${line}:${column}`, message: `example "${name}": ${message}` });
      }
    }
    return [];
  });
  errors.push(...problems.map(({ line, column, message }) => ({ field: `text:${line}:${column}`, message })));
  if (errors.length === 0) return;
  const detail = errors.map(({ field, message }) => `${field}: ${message}`).join("; ");
  throw new ProblemError({ type: "invalid", detail, errors });
}

/** What a template sees of a boot, with an example's variables. */
function exampleView(template: ParsedTemplate, variables: ParsedTemplate["examples"][string]): RenderView {
  const view = createView({
    machine: EXAMPLE_MACHINE,
    mac: EXAMPLE_MACHINE.macs[0]!,
    siteName: "lab",
    ...PLACEHOLDERS,
    variables: [variables],
  });
  const secret = Object.fromEntries(secretNames(template).map((name) => [name, `example-${name}`]));
  return withTree({ ...view, secret }, `/t/0.k.signature/image/revision`);
}
