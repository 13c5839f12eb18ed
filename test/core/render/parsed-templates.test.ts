import { expect, test } from "vitest";
import { parseInlineTemplate, parseTemplate } from "../../../core/render/parse.ts";
import { createTemplateParser } from "../../../core/render/parsed-templates.ts";
import { TemplateError } from "../../../core/render/problems.ts";

const TEXT = "---\nkind: shell\n---\necho {{x}}\n";

test("what was parsed is parsed once, by its kind and its text", () => {
  const { parse, parseInline } = createTemplateParser(1_000);
  expect(parse(TEXT)).toEqual(parseTemplate(TEXT));
  expect(parse(TEXT)).toBe(parse(TEXT));
  expect(parseInline("ipxe", "{{x}}")).toEqual(parseInlineTemplate("ipxe", "{{x}}"));
  expect(parseInline("ipxe", "{{x}}")).toBe(parseInline("ipxe", "{{x}}"));
  expect(parseInline("kernel-args", "{{x}}").kind).toBe("kernel-args");
});

test("the ones asked for longest ago make room", () => {
  const { parseInline } = createTemplateParser(40);
  const [first, second] = [parseInline("ipxe", "a".repeat(10)), parseInline("ipxe", "b".repeat(10))];
  expect(parseInline("ipxe", "a".repeat(10))).toBe(first);
  parseInline("ipxe", "c".repeat(10));
  expect(parseInline("ipxe", "a".repeat(10))).toBe(first);
  expect(parseInline("ipxe", "b".repeat(10))).not.toBe(second);
});

test("what cannot be parsed is said each time", () => {
  const { parse } = createTemplateParser(1_000);
  for (let turn = 0; turn < 2; turn++) expect(() => parse("no front matter")).toThrow(TemplateError);
});
