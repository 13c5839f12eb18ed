import fc from "fast-check";
import { expect, test } from "vitest";
import { parseTemplate } from "../../core/render/parse.ts";
import { checkTemplate, renderTemplate } from "../../core/render/render.ts";
import type { View } from "../../core/render/view.ts";
import type { ParsedTemplate } from "../../core/render/parse.ts";
import { variablesOf } from "./generate.ts";
import { readLibrary, SYSTEM_VIEW } from "./library.ts";

/** What comes of a template with some values: its text, or all that is wrong. */
function outcome(template: ParsedTemplate, view: View) {
  const problems = checkTemplate(template, view);
  return problems.length > 0 ? problems : renderTemplate(template, view, { name: "t" });
}

/** The same template, without anything known of its texts. */
const fresh = (template: ParsedTemplate): ParsedTemplate => ({ ...template });

test.each(readLibrary().map(({ path, template }) => [path, template] as const))(
  "%s: what is remembered of its texts changes nothing of what comes of it",
  (_, template) => {
    for (const variables of fc.sample(variablesOf(template), 15)) {
      const view = { ...SYSTEM_VIEW, ...variables };
      expect(outcome(template, view)).toEqual(outcome(fresh(template), view));
    }
  },
);

test.each([
  [
    "a value that takes another place the second time",
    "shell",
    "a{{#on}} '{{/on}}{{x}}, and then some more text\nand a line",
  ],
  [
    "a block that goes on",
    "autoinstall",
    "a: |\n  some text of a block\n  {{x}} and more of it here\n  {{#shell}}echo {{x}}{{/shell}}\n",
  ],
  [
    "another block of the same text",
    "autoinstall",
    "{{#l}}- |\n  echo a long enough text\n  {{#shell}}echo {{.}}{{/shell}}\n{{/l}}",
  ],
  [
    "a heading that is a script's",
    "kickstart",
    "%post{{#on}} --interpreter=/bin/python{{/on}}\necho this is a long line {{x}}\n%end\nlang {{x}}\n",
  ],
  [
    "a joined line",
    "preseed",
    "d-i a/b string x \\\n  and more of the same {{x}} \\\n  and more of the same {{x}}\n",
  ],
  [
    "a string, open or not",
    "ignition",
    '{ "a": {{#on}}"{{/on}}{{x}}{{#on}}"{{/on}}, "some longer name": {{x}} }',
  ],
  [
    "an element, or its attribute",
    "autoyast",
    "<a {{#on}}b='{{/on}}{{^on}}>{{/on}}{{x}}{{#on}}'/>{{/on}}{{^on}}</a>{{/on}} and some more text {{x}}",
  ],
  ["a table or a key", "toml", "{{#on}}[{{/on}}some_long_name = {{x}}\nanother_long_name = [{{x}}, {{x}}]\n"],
] as const)("%s: with and without memory", (_, kind, body) => {
  const template = parseTemplate(
    `---\nkind: ${kind}\nvariables: { on: { type: boolean }, l: { type: list, default: [] } }\n---\n${body}`,
  );
  for (const x of ["a", "it's", 'say "hi"', "", " ", "x".repeat(50), "%end", "a&b", 3, true]) {
    for (const on of [true, false]) {
      const view = { x, on, l: ["one", "two longer"] };
      expect(outcome(template, view)).toEqual(outcome(fresh(template), view));
    }
  }
});
