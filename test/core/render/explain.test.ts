import { expect, test } from "vitest";
import { explainVariables } from "../../../core/render/explain.ts";
import { parseTemplate } from "../../../core/render/parse.ts";
import { renderTemplate } from "../../../core/render/render.ts";

const template = parseTemplate(`---
kind: shell
variables:
  disk: { type: string, default: /dev/sda, pattern: "/dev/[a-z]+" }
  size: { type: number, default: 20 }
  ntp: { type: boolean, required: true }
  domain: { type: string }
---
{{disk}} {{size}} {{ntp}}`);

test("site < profile < machine < order, over the defaults; levels in any order", () => {
  const explained = explainVariables(
    [
      { source: "order", variables: { disk: "/dev/nvme" } },
      { source: "site", variables: { disk: "/dev/a", ntp: true, zone: "b" } },
      { source: "machine", variables: { disk: "/dev/c", ntp: false } },
      { source: "profile", variables: { disk: "/dev/b", alpha: 1 } },
    ],
    template,
  );
  expect(explained).toEqual([
    {
      name: "disk",
      value: "/dev/nvme",
      source: "order",
      overridden: ["machine", "profile", "site", "default"],
      declared: true,
      problem: null,
    },
    { name: "size", value: 20, source: "default", overridden: [], declared: true, problem: null },
    { name: "ntp", value: false, source: "machine", overridden: ["site"], declared: true, problem: null },
    { name: "domain", value: null, source: null, overridden: [], declared: true, problem: null },
    { name: "alpha", value: 1, source: "profile", overridden: [], declared: false, problem: null },
    { name: "zone", value: "b", source: "site", overridden: [], declared: false, problem: null },
  ]);
});

test.each([
  [{ disk: 1 }, "disk", "wrong-type"],
  [{ disk: "/dev/sda; reboot" }, "disk", "pattern-mismatch"],
  [{ size: "20" }, "size", "wrong-type"],
  [{}, "ntp", "missing-variable"],
  [{ extra: [1] }, "extra", "wrong-type"],
])("%j: %s is told as %s", (variables, name, code) => {
  const explained = explainVariables([{ source: "machine", variables }], template);
  const problem = explained.find((variable) => variable.name === name)!.problem;
  expect(problem).toMatchObject({ code });
  expect(JSON.stringify(problem)).not.toContain("reboot");
});

test("null is no value: the level below shows through", () => {
  const [disk] = explainVariables(
    [
      { source: "site", variables: { disk: "/dev/a" } },
      { source: "machine", variables: { disk: null } },
    ],
    template,
  );
  expect(disk).toMatchObject({ value: "/dev/a", source: "site", overridden: ["default"] });
});

test("names of Object.prototype are names like any other", () => {
  expect(explainVariables([{ source: "site", variables: {} }], { variables: {}, examples: {} })).toEqual([]);
  const [only] = explainVariables([{ source: "site", variables: { toString: "x" } }], {
    variables: {},
    examples: {},
  });
  expect(only).toMatchObject({ name: "toString", value: "x", declared: false, problem: null });
});

test("what is explained is what is rendered", () => {
  const explained = explainVariables([{ source: "site", variables: { ntp: true } }], template);
  const view = Object.fromEntries(explained.map(({ name, value }) => [name, value]));
  expect(renderTemplate(template, view, { name: "t" })).toBe("'/dev/sda' '20' 'true'");
});
