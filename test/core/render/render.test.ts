import { describe, expect, test } from "vitest";
import { parseTemplate } from "../../../core/render/parse.ts";
import { TemplateError } from "../../../core/render/problems.ts";
import { checkTemplate, renderTemplate } from "../../../core/render/render.ts";
import type { View } from "../../../core/render/view.ts";

function render(text: string, view: View): string {
  return renderTemplate(parseTemplate(text), view, { name: "t" });
}

function shell(body: string, view: View): string {
  return render(`---\nkind: shell\n---\n${body}`, view);
}

function thrownBy(run: () => unknown): TemplateError {
  try {
    run();
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("mustache", () => {
  test("values, dotted names, comments and numbers", () => {
    const view = { machine: { name: "web 1", disks: { count: 2 } }, on: true };
    expect(shell("{{machine.name}}{{! no }} {{machine.disks.count}} {{on}}", view)).toBe(
      "'web 1' '2' 'true'",
    );
  });

  test("sections: lists, booleans, objects, inverted, standalone lines", () => {
    const view = {
      list: [{ n: 1 }, { n: 2 }],
      words: ["a", "b"],
      none: [],
      yes: true,
      no: false,
      o: { p: "q" },
    };
    expect(shell("{{#list}}\n{{n}}\n{{/list}}\n", view)).toBe("'1'\n'2'\n");
    expect(shell("{{#words}}{{.}} {{/words}}{{#none}}x{{/none}}{{^none}}-{{/none}}", view)).toBe("'a' 'b' -");
    expect(shell("{{#yes}}y{{o.p}}{{/yes}}{{#no}}n{{/no}}{{#o}}{{p}}{{/o}}", view)).toBe("y'q''q'");
  });

  test("nothing is escaped for HTML", () => {
    expect(shell("{{x}}", { x: `<a href="b">&'` })).toBe(`'<a href="b">&'\\'''`);
  });

  test("a declared raw value goes in as it is", () => {
    expect(render("---\nkind: shell\nraw: [x]\n---\n{{{x}}} {{x}}", { x: "a|b" })).toBe("a|b 'a|b'");
  });

  test("a view's prototype and a list's length are not looked into", () => {
    const error = thrownBy(() => shell("{{toString}} {{a.constructor}} {{l.length}}", { a: {}, l: [1] }));
    expect(error.errors.map((problem) => problem.variable)).toEqual([
      "toString",
      "a.constructor",
      "l.length",
    ]);
  });
});

describe("contexts", () => {
  test("a section named after a context switches it, and what comes out must survive the outer one", () => {
    const text = "---\nkind: preseed\n---\nd-i a/b string {{#shell}}echo {{x}}{{/shell}} {{x}}";
    expect(render(text, { x: "it's" })).toBe("d-i a/b string echo 'it'\\''s' it's");
    // The shell could carry a line end, the preseed line around it cannot.
    expect(thrownBy(() => render(text, { x: "a\nb" })).errors).toHaveLength(2);
  });
});

describe("variables", () => {
  const text = `---
kind: shell
variables:
  size: { type: number, default: 20 }
  name: { type: string, required: true, pattern: "[a-z]+" }
  extra: { type: string }
---
{{size}} {{name}}{{#extra}} {{extra}}{{/extra}}{{^extra}} none{{/extra}}`;

  test("defaults fill what the view lacks, null included", () => {
    expect(render(text, { name: "a" })).toBe("'20' 'a' none");
    expect(render(text, { name: "a", size: null, extra: "x" })).toBe("'20' 'a' 'x'");
  });

  test.each([
    [{}, ["missing-variable name", "unresolved-variable name"]],
    [{ name: "A" }, ["pattern-mismatch name"]],
    [{ name: "a\n" }, ["pattern-mismatch name"]],
    [{ name: "a", size: "20" }, ["wrong-type size"]],
    [{ name: 1, size: true }, ["wrong-type size", "wrong-type name"]],
  ])("%j is refused", (view, problems) => {
    const found = checkTemplate(parseTemplate(text), view);
    expect(found.map((problem) => `${problem.code} ${problem.variable}`)).toEqual(problems);
  });

  test.each([
    [{}, 'variable name is required: text that matches [a-z]+ (as DNS has it), e.g. "web"'],
    [
      { nane: "a" },
      'variable name is required: text that matches [a-z]+ (as DNS has it), e.g. "web"; nane is given: is it meant?',
    ],
    [{ name: "A" }, 'variable name must match [a-z]+, e.g. "web"'],
    [{ name: "a", size: "20" }, "variable size must be a number, and is text, e.g. 20"],
    [{ name: "a", keys: "k" }, 'variable keys must be a list of text, and is text, e.g. ["x","y"]'],
  ])("%j: the message says what is allowed, and gives an example", (view, message) => {
    const template = parseTemplate(`---
kind: shell
variables:
  size: { type: number, default: 20 }
  name: { type: string, required: true, pattern: "[a-z]+", description: as DNS has it }
  keys: { type: list }
examples:
  one: { name: web, keys: [x, y] }
---
{{size}}`);
    expect(checkTemplate(template, view)[0]?.message).toBe(message);
  });

  test("a message never holds the value: it may be a secret", () => {
    const error = thrownBy(() => render(text, { name: "S3CRET", extra: "S3CRET\0" }));
    expect(error.message).not.toContain("S3CRET");
  });
});

describe("names that resolve to nothing", () => {
  test("all of them are reported, with template, line, column and variable", () => {
    const error = thrownBy(() => shell("a {{x}}\n{{#y}}b{{/y}}\n{{^z}}c{{/z}} {{m.n}}", { m: {} }));
    expect(error.errors.map(({ line, column, variable }) => [line, column, variable])).toEqual([
      [4, 3, "x"],
      [5, 1, "y"],
      [6, 1, "z"],
      [6, 15, "m.n"],
    ]);
    expect(error).toMatchObject({ code: "unresolved-variable", template: "t", line: 4, column: 3 });
    expect(error.message).toContain("t:4:3: variable x resolves to nothing");
  });

  test("one that is declared, and that these values need, says what is allowed, with an example", () => {
    const text = `---
kind: shell
variables:
  mirror: { type: string }
  host: { type: string, pattern: "[a-z.]+", description: where there is no mirror }
examples:
  least: { host: mirror.example }
---
{{#mirror}}{{mirror}}{{/mirror}}{{^mirror}}{{host}}{{/mirror}}
`;
    const template = parseTemplate(text);
    const problems = checkTemplate(template, {}).map(({ message }) => message);
    expect(problems).toEqual([
      'variable host is needed here: text that matches [a-z.]+ (where there is no mirror), e.g. "mirror.example"',
    ]);
    expect(checkTemplate(template, { mirror: "a" })).toEqual([]);
  });

  test("a name that is nearly another one says which", () => {
    const [problem] = thrownBy(() =>
      shell("{{machine.name}} {{dsk}}", { disk: "a", machine: { name: "b" } }),
    ).errors;
    expect(problem!.message).toBe("variable dsk resolves to nothing; is disk meant?");
  });

  test("null is nothing, an empty string is something", () => {
    expect(thrownBy(() => shell("{{x}}", { x: null })).code).toBe("unresolved-variable");
    expect(shell("{{x}}", { x: "" })).toBe("''");
  });

  test("a place in a loop is one problem", () => {
    expect(thrownBy(() => shell("{{#l}}{{x}}{{/l}}", { l: [1, 2, 3] })).errors).toHaveLength(1);
  });
});

describe("values that no text can stand for", () => {
  test.each([
    ["a list", [1]],
    ["an object", { a: 1 }],
    ["not a number", Number.NaN],
    ["a function", () => "x"],
    ["half a surrogate pair", "\ud800"],
  ])("%s is refused", (_, value) => {
    expect(thrownBy(() => shell("{{x}}", { x: value }))).toMatchObject({
      code: "unrenderable-value",
      errors: [{ variable: "x" }],
    });
  });
});
