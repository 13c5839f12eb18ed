import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseInlineTemplate } from "../../../core/render/parse.ts";
import { checkTemplate, renderTemplate } from "../../../core/render/render.ts";
import { AWKWARD, awkwardText } from "./awkward.ts";
import { hasDebconf, readThroughDebconf } from "./debconf.ts";

const accepts = (body: string, x: string): boolean =>
  checkTemplate(parseInlineTemplate("preseed", body), { x }).length === 0;

test.each([
  ["d-i a/b string {{x}}", "", true],
  ["d-i a/b string {{x}}", "a b # c \\ $d", true],
  ["d-i a/b string x \\\n  {{x}}", "a b", true],
  ["d-i {{x}} string y", "a/b", true],
  ["# {{x}}", "web 1", true],
  ["d-i {{x}} string y", "a b", false],
  ["d-i {{x}} string y", "", false],
  ["{{x}} a/b string y", "#", false],
  ["# {{x}}", "a\nd-i a/b string c", false],
  ["d-i a/b string {{x}}", "a\\", false],
  ["d-i a/b string {{x}}", " a", false],
  ["d-i a/b string {{x}}", "a\u00a0", false],
  ["d-i a/b string {{x}}", "a\nd-i c/d string e", false],
  ["d-i a/b string {{x}}", "a\r", false],
])("%j with %j: %j", (body, value, accepted) => {
  expect(accepts(body, value)).toBe(accepted);
});

describe.skipIf(!hasDebconf)("debconf reads back what went in", () => {
  test("property: awkward values, alone and inside a value", () => {
    const values = [...AWKWARD, ...fc.sample(awkwardText, { numRuns: 400, seed: 3 })].filter((value) =>
      accepts("d-i a/b string {{x}}", value),
    );
    expect(values.length).toBeGreaterThan(150);
    const view = Object.fromEntries(values.map((value, index) => [`v${index}`, value]));
    const body = values
      .map((_, i) => `d-i t/a${i} string {{v${i}}}\nd-i t/b${i} string x{{v${i}}}"y"\n`)
      .join("");
    const text = renderTemplate(parseInlineTemplate("preseed", body), view, { name: "t" });
    const read = readThroughDebconf(
      text,
      values.flatMap((_, index) => [`t/a${index}`, `t/b${index}`]),
    );
    expect(read).toEqual(values.flatMap((value) => [value, `x${value}"y"`]));
  });
});
