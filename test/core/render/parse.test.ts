import { describe, expect, test } from "vitest";
import { MAX_TEMPLATE_LENGTH, parseInlineTemplate, parseTemplate } from "../../../core/render/parse.ts";
import { TemplateError } from "../../../core/render/problems.ts";

/** The problems of a text as `line:column code`. */
function problemsOf(text: string): string[] {
  try {
    parseTemplate(text);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return error.errors.map((problem) => `${problem.line}:${problem.column} ${problem.code}`);
  }
  return [];
}

const withBody = (body: string): string => `---\nkind: shell\n---\n${body}`;
const withVariables = (yaml: string): string => `---\nkind: shell\nvariables:\n${yaml}\n---\n`;

describe("front matter", () => {
  test("is read with its variables, defaults and patterns", () => {
    const template = parseTemplate(
      [
        "---",
        "kind: preseed",
        "description: A thing",
        "raw: [extra]",
        "examples: { small: { size: 1 }, none: {} }",
        "variables:",
        "  size: { type: number, default: 20, required: true }",
        '  name: { type: string, pattern: "[a-z]+", description: lower case }',
        "---",
        "{{name}}",
      ].join("\n"),
    );
    expect(template).toMatchObject({
      kind: "preseed",
      description: "A thing",
      raw: ["extra"],
      variables: {
        size: { type: "number", default: 20, required: true },
        name: { type: "string", required: false, description: "lower case" },
      },
      examples: { small: { size: 1 }, none: {} },
      nodes: [{ kind: "value", name: "name", raw: false, place: { line: 10, column: 1 } }],
    });
    expect(template.variables["name"]!.pattern!.test("abc1")).toBe(false);
  });

  test("may be the whole text, and may have CRLF line ends", () => {
    expect(parseTemplate("---\r\nkind: shell\r\n---\r\na\r\nb").nodes).toEqual([
      { kind: "text", text: "a\nb" },
    ]);
    expect(parseTemplate("---\nkind: shell\n---").nodes).toEqual([]);
  });

  test.each([
    ["no front matter", "echo hello", ["1:1 bad-front-matter"]],
    ["front matter that does not end", "---\nkind: shell\n", ["1:1 bad-front-matter"]],
    ["text before front matter", "\n---\nkind: shell\n---\n", ["1:1 bad-front-matter"]],
    ["broken YAML", "---\nkind: [shell\n---\n", ["3:1 bad-front-matter"]],
    ["a list", "---\n- kind\n---\n", ["2:1 bad-front-matter"]],
    ["no kind", "---\ndescription: x\n---\n", ["2:1 unknown-kind"]],
    ["an unknown kind", "---\nkind: html\n---\n", ["2:7 unknown-kind"]],
    ["a kind from Object.prototype", "---\nkind: toString\n---\n", ["2:7 unknown-kind"]],
    ["an unknown key", "---\nkind: shell\nraws: [x]\n---\n", ["3:1 unknown-key"]],
    ["an unknown key of a variable", withVariables("  x: { type: string, min: 1 }"), ["4:22 unknown-key"]],
    ["a variable without a type", withVariables("  x: { required: true }"), ["4:6 bad-front-matter"]],
    ["a variable with an unknown type", withVariables("  x: { type: map }"), ["4:14 bad-front-matter"]],
    ["a default of another type", withVariables("  x: { type: number, default: '1' }"), ["4:31 bad-default"]],
    [
      "a default off its pattern",
      withVariables("  x: { type: string, pattern: a, default: b }"),
      ["4:43 bad-default"],
    ],
    ["a broken pattern", withVariables("  x: { type: string, pattern: '(' }"), ["4:31 bad-pattern"]],
    [
      "a pattern that takes for ever",
      withVariables("  x: { type: string, pattern: '(a+)+b' }"),
      ["4:31 bad-pattern"],
    ],
    ["a variable named like a context", withVariables("  shell: { type: string }"), ["4:3 reserved-name"]],
    [
      "a variable named like a system name",
      withVariables("  machine: { type: string }"),
      ["4:3 reserved-name"],
    ],
    ["a variable name with a dot", withVariables("  a.b: { type: string }"), ["4:3 bad-front-matter"]],
    ["examples that are a list", "---\nkind: shell\nexamples: [a]\n---\n", ["3:11 bad-front-matter"]],
    [
      "examples that do not fit",
      "---\nkind: shell\nexamples:\n  a: { x: 1, y: 2 }\n  b: 3\nvariables:\n  x: { type: string }\n---\n",
      ["4:11 bad-example", "4:14 bad-example", "5:6 bad-example"],
    ],
    ["an alias", "---\nkind: &k shell\ndescription: *k\n---\n", ["3:14 bad-front-matter"]],
  ])("%s is refused", (_, text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
  });
});

describe("body", () => {
  test.each([
    ["an unclosed section, at its start", "a\n{{#x}}\nb\n", ["5:1 unclosed-section"]],
    ["sections closed in the wrong order", "{{#x}}{{#y}}{{/x}}{{/y}}", ["4:7 unclosed-section"]],
    ["a section closed but never opened", "a{{/x}}", ["4:2 syntax"]],
    ["an unclosed tag", "a {{x", ["4:6 syntax"]],
    ["undeclared raw, both spellings", "{{{x}}}\n {{&y}}", ["4:1 undeclared-raw", "5:2 undeclared-raw"]],
    ["a section that is its own partial", "{{#x}}{{> t}}{{/x}}", ["4:7 partial-refused"]],
    ["sections too deep", "{{#x}}".repeat(33) + "{{/x}}".repeat(33), ["4:193 too-deep"]],
    [
      "a long run of blanks, which mustache would take minutes for",
      `{{#x${" ".repeat(2000)}`,
      ["4:5 syntax"],
    ],
    ["a partial", "{{> other}}", ["4:1 partial-refused"]],
    ["a context as a variable", "{{preseed}}", ["4:1 misplaced-context"]],
    ["an inverted context", "{{^preseed}}{{/preseed}}", ["4:1 misplaced-context"]],
    ["a context in itself", "{{#shell}}{{/shell}}", ["4:1 misplaced-context"]],
  ])("%s is refused", (_, body, problems) => {
    expect(problemsOf(withBody(body))).toEqual(problems);
  });

  test("all problems of front matter and body come at once, in order", () => {
    expect(problemsOf("---\nkind: nope\nnope: 1\n---\n{{> a}}\n{{> b}}")).toEqual([
      "2:7 unknown-kind",
      "3:1 unknown-key",
      "5:1 partial-refused",
      "6:1 partial-refused",
    ]);
  });

  test("sections may be nested as deep as the limit", () => {
    expect(problemsOf(withBody("{{#x}}".repeat(32) + "{{/x}}".repeat(32)))).toEqual([]);
  });

  test.each([
    ["tags", "{{x}}"],
    ["openings", "{{"],
    ["sections", "{{#x}}"],
    ["delimiters", "{{=<% %>=}}"],
    ["quotes in front matter", '"'],
  ])("a template full of %s is judged within seconds", (_, piece) => {
    const text = withBody(piece.repeat(Math.floor(250_000 / piece.length)));
    expect(() => problemsOf(text)).not.toThrow();
  });

  test("a megabyte is refused, oversize is refused before anything is parsed", () => {
    expect(problemsOf(withBody("x".repeat(MAX_TEMPLATE_LENGTH)))).toEqual(["1:1 oversize"]);
  });

  test("an error carries its first problem's code and place", () => {
    expect(() => parseTemplate(withBody("\n{{> a}}"))).toThrow(
      expect.objectContaining({ code: "partial-refused", line: 5, column: 1 }),
    );
  });

  test("a text whose kind is known needs no front matter", () => {
    expect(parseInlineTemplate("kernel-args", "a={{b}}")).toMatchObject({
      kind: "kernel-args",
      variables: {},
    });
    expect(() => parseInlineTemplate("kernel-args", "{{{b}}}")).toThrow(TemplateError);
  });
});
