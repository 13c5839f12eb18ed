import { describe, expect, test } from "vitest";
import { explainVariables } from "../../../core/render/explain.ts";
import { parseTemplate } from "../../../core/render/parse.ts";
import type { TemplateError } from "../../../core/render/problems.ts";
import { checkTemplate, renderTemplate } from "../../../core/render/render.ts";

const template = (declaration: string, body: string, kind = "ignition") =>
  parseTemplate(`---\nkind: ${kind}\nvariables:\n  keys: ${declaration}\n---\n${body}`);
const render = (parsed: ReturnType<typeof parseTemplate>, view: Record<string, unknown>) =>
  renderTemplate(parsed, view, { name: "t" });
const problems = (text: string): string[] => {
  try {
    parseTemplate(text);
    return [];
  } catch (error) {
    return (error as TemplateError).errors.map(({ message }) => message);
  }
};

describe("a list of text", () => {
  const json = template("{ type: list }", "[{{#keys}}{{.}}{{^-last}}, {{/-last}}{{/keys}}]");

  test("a section runs once a member, each escaped; -first, -last and -index tell where it is", () => {
    expect(JSON.parse(render(json, { keys: ['a"b', "c\\d", "é"] }))).toEqual(['a"b', "c\\d", "é"]);
    expect(render(json, { keys: [] })).toBe("[]");
    expect(render(json, {})).toBe("[]");
    const shell = template(
      "{ type: list }",
      "{{#keys}}{{#-first}}for key in{{/-first}} {{-index}}:{{.}}{{#-last}}; do{{/-last}}{{/keys}}",
      "shell",
    );
    expect(render(shell, { keys: ["a b", "$c"] })).toBe("for key in '1':'a b' '2':'$c'; do");
  });

  test("the innermost list is meant, and outside of one there is none", () => {
    const nested = template(
      "{ type: list }",
      "{{#keys}}{{#machine.macs}}{{^-last}}1{{/-last}}{{/machine.macs}}{{#-last}}2{{/-last}}{{/keys}}",
      "shell",
    );
    expect(render(nested, { keys: ["x", "y"], machine: { macs: ["m", "n"] } })).toBe("112");
    const outside = template("{ type: list }", "{{#-last}}x{{/-last}}");
    expect(checkTemplate(outside, {}).map(({ variable }) => variable)).toEqual(["-last"]);
  });

  test.each([
    ["text", "a", "must be a list of text, and is text"],
    ["a number in it", ["a", 1], "must be a list of text, and is something else"],
    ["a list in it", ["a", ["b"]], "must be a list of text, and is something else"],
    ["too many", Array.from({ length: 1_025 }, () => "a"), "must have at most 1024 members"],
  ])("%s is refused", (_, keys, message) => {
    expect(checkTemplate(json, { keys })[0]?.message).toBe(`variable keys ${message}`);
  });

  test("a pattern holds for each member, and the message says which does not fit", () => {
    const named = template('{ type: list, pattern: "[a-z]+" }', "{{#keys}}{{.}}{{/keys}}", "shell");
    expect(checkTemplate(named, { keys: ["a", "b"] })).toEqual([]);
    expect(checkTemplate(named, { keys: ["a", "B", "3"] }).map((problem) => problem.message)).toEqual([
      "variable keys [1] must match [a-z]+",
    ]);
  });

  test("a value of another type runs no list's section by accident", () => {
    const text = template("{ type: string }", "{{#keys}}{{keys}}{{/keys}}", "shell");
    expect(checkTemplate(text, { keys: ["a"] })).not.toEqual([]);
  });
});

test("defaults and examples may be lists", () => {
  const parsed = parseTemplate(
    "---\nkind: shell\nvariables:\n  keys: { type: list, default: [a, b] }\nexamples:\n  one: { keys: [c] }\n---\n{{#keys}}{{.}} {{/keys}}",
  );
  expect(render(parsed, {})).toBe("'a' 'b' ");
  expect(render(parsed, parsed.examples["one"]!)).toBe("'c' ");
  expect(problems("---\nkind: shell\nvariables:\n  keys: { type: list, default: [a, 1] }\n---\n")).toEqual([
    "default of keys: must be a list of text, and is something else",
  ]);
  expect(
    problems("---\nkind: shell\nvariables:\n  keys: { type: list }\nexamples:\n  one: { keys: c }\n---\n"),
  ).toEqual(["example one: keys must be a list of text, and is text"]);
  expect(problems("---\nkind: shell\nvariables:\n  keys: { type: array }\n---\n")).toEqual([
    "type of keys must be string, number, boolean or list",
  ]);
});

test("explained, a list is shown with where it came from; the nearest one wins whole", () => {
  const explained = explainVariables(
    [
      { source: "site", variables: { keys: ["a", "b"] } },
      { source: "machine", variables: { keys: ["c"], other: [1] } },
    ],
    template("{ type: list, default: [d] }", ""),
  );
  expect(explained).toMatchObject([
    { name: "keys", value: ["c"], source: "machine", overridden: ["site", "default"], problem: null },
    { name: "other", value: null, problem: { code: "wrong-type" } },
  ]);
});
