import { describe, expect, test } from "vitest";
import { parseTemplate } from "../../../core/render/parse.ts";
import type { TemplateError } from "../../../core/render/problems.ts";
import { checkTemplate, renderTemplate } from "../../../core/render/render.ts";

const text = (declaration: string, body: string) =>
  `---\nkind: shell\nvariables:\n  layout: ${declaration}\nexamples:\n  one: { layout: raid1 }\n---\n${body}`;
const DECLARED = "{ type: string, enum: [plain, lvm, raid1] }";
const problems = (given: string): string[] => {
  try {
    parseTemplate(given);
    return [];
  } catch (error) {
    return (error as TemplateError).errors.map(({ message }) => message);
  }
};

describe("a string with an enum", () => {
  const template = parseTemplate(
    text(DECLARED, "{{#layout.raid1}}two{{/layout.raid1}}{{^layout.raid1}}one{{/layout.raid1}}"),
  );

  test("a section of one of its values stands where it has that one", () => {
    const render = (view: Record<string, unknown>) => renderTemplate(template, view, { name: "t" });
    expect(render({ layout: "raid1" })).toBe("two");
    expect(render({ layout: "lvm" })).toBe("one");
    expect(render({})).toBe("one");
  });

  test("another value is refused, with what is allowed and an example", () => {
    expect(checkTemplate(template, { layout: "raid5" }).map(({ message }) => message)).toEqual([
      'variable layout must be one of plain, lvm, raid1, e.g. "raid1"',
    ]);
  });

  test("what is missing is named with what is allowed and an example", () => {
    const required = parseTemplate(
      text('{ type: string, required: true, enum: [plain, raid1], description: "of the disks" }', ""),
    );
    expect(checkTemplate(required, {})[0]?.message).toBe(
      'variable layout is required: one of plain, raid1 (of the disks), e.g. "raid1"',
    );
  });

  test("a section of no value of it is refused when the template is parsed", () => {
    expect(problems(text(DECLARED, "{{#layout.raid5}}x{{/layout.raid5}}"))).toEqual([
      "raid5 is no value of layout",
    ]);
  });

  test.each([
    ["{ type: list, enum: [raid1] }", "enum of layout: only a string has one"],
    ["{ type: string, enum: [] }", "enum of layout must be a list of words of letters, digits, _ and -"],
    ["{ type: string, enum: [a b] }", "enum of layout must be a list of words of letters, digits, _ and -"],
    ["{ type: string, enum: [a.b] }", "enum of layout must be a list of words of letters, digits, _ and -"],
    ["{ type: string, enum: raid1 }", "enum of layout must be a list of words of letters, digits, _ and -"],
    ["{ type: string, enum: [raid1], default: x }", "default of layout: must be one of raid1"],
  ])("%s is refused", (declaration, message) => {
    expect(problems(text(declaration, ""))).toContain(message);
  });
});
