import { spawnSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseInlineTemplate } from "../../../core/render/parse.ts";
import { TemplateError } from "../../../core/render/problems.ts";
import type { TemplateProblem } from "../../../core/render/problems.ts";
import { renderTemplate } from "../../../core/render/render.ts";
import type { ContextName } from "../../../core/render/contexts.ts";
import { AWKWARD, awkwardText } from "./awkward.ts";
import { hasExpansion, parseIpxeScript } from "./ipxe-parser.ts";
import { parseKernelCommandLine } from "./kernel-command-line.ts";

/** The rendered text, or `null` where a value was refused by name; anything else fails the test. */
function render(kind: ContextName, body: string, view: Record<string, string>): string | null {
  try {
    return renderTemplate(parseInlineTemplate(kind, body), view, { name: "t" });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const named = ({ code, variable }: TemplateProblem): boolean =>
      code === "unrenderable-value" && variable !== undefined && Object.hasOwn(view, variable);
    if (!error.errors.every(named)) throw error;
    return null;
  }
}

const accepts = (kind: ContextName, body: string, x: string): boolean => render(kind, body, { x }) !== null;

describe("ipxe: what iPXE's line parser reads back is what went in", () => {
  test("property: words, at every place", () => {
    fc.assert(
      fc.property(awkwardText, awkwardText, awkwardText, (x, y, z) => {
        const text = render("ipxe", "#!ipxe\nset {{x}} a{{y}}b{{z}} || goto {{z}}\nexit {{y}}{{x}}\n", {
          x,
          y,
          z,
        });
        if (text === null) return;
        expect(hasExpansion(text)).toBe(false);
        expect(parseIpxeScript(text).slice(1)).toEqual([
          {
            label: null,
            commands: [
              { words: ["set", x, `a${y}b${z}`], operator: "||" },
              { words: ["goto", z], operator: null },
            ],
          },
          { label: null, commands: [{ words: ["exit", `${y}${x}`], operator: null }] },
          { label: null, commands: [{ words: [], operator: null }] },
        ]);
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ["{{x}}", "http://192.168.77.1:8080/a/b?c=d&e=%20", true],
    ["{{x}}", "$6$salt$hash", true],
    ["{{x}}", "été", true],
    ["a{{x}}", "#b", true],
    ["{{x}}", "#b", false],
    ["{{x}}", "a b", false],
    ["{{x}}", "", false],
    ["a={{x}}", "", true],
    ["{{x}}", "${net0/mac}", false],
    ["${{x}}", "{net0/mac}", false],
    ["{{x}}{net0/mac}", "$", false],
    ["${net{{x}}/mac}", "0}", false],
    ["|{{x}}", "|", false],
    ["{{x}}", "a\\", false],
    ["{{x}}", "a\nexit", false],
  ])("%j with %j: %j", (body, value, accepted) => {
    expect(accepts("ipxe", body, value)).toBe(accepted);
  });
});

describe("kernel-args: the kernel and a shell both read back what went in, through iPXE", () => {
  test("property", () => {
    fc.assert(
      fc.property(awkwardText, awkwardText, (x, y) => {
        const text = render("kernel-args", "a=1 b={{x}} {{y}} c=x{{y}}z --- d={{y}}{{x}}", { x, y });
        if (text === null) return;
        const latin1 = (value: string): string => Buffer.from(value, "utf8").toString("latin1");
        const args = parseKernelCommandLine(text);
        expect(args.map((arg) => (arg.value === null ? arg.param : `${arg.param}=${arg.value}`))).toEqual(
          ["a=1", `b=${x}`, y, `c=x${y}z`, "---", `d=${y}${x}`].map(latin1),
        );
        const line = `kernel u ${text} || goto failed`;
        expect(parseIpxeScript(line)[0]!.commands[0]!.words.slice(2).join(" ")).toBe(text);
        expect(hasExpansion(line)).toBe(false);
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ["a={{x}}", "http://192.168.77.1:8080/a/CAP/", true],
    ["a={{x}}", "é", true],
    ["a={{x}}", "à", false],
    ["a={{x}}", "b c", false],
    ['a="{{x}}"', "b", false],
    ['a="b {{x}} c"', "b", false],
    ['a="b c" d={{x}}', "b", true],
    ["a={{x}}", 'b"c', false],
    ["a={{x}}", "b'c", false],
    ["a={{x}}", "${net0/mac}", false],
    ["{{x}}", "#b", false],
  ])("%j with %j: %j", (body, value, accepted) => {
    expect(accepts("kernel-args", body, value)).toBe(accepted);
  });
});

describe("shell: sh reads back what went in", () => {
  const SHELLS = ["dash", "bash"].filter((shell) => spawnSync(shell, ["-c", ":"]).status === 0);

  test.each(SHELLS)("%s: awkward values, as whole words and as parts of words", (shell) => {
    const values = [...AWKWARD, ...fc.sample(awkwardText, { numRuns: 300, seed: 1 })].filter(
      (value) => !value.includes("\0"),
    );
    const view = Object.fromEntries(values.map((value, index) => [`v${index}`, value]));
    const body = values.map((_, index) => `printf '%s\\0' {{v${index}}} a{{v${index}}}"b"\n`).join("");
    const script = render("shell", body, view);
    const { stdout, status } = spawnSync(shell, ["-c", script!], { encoding: "utf8" });
    expect(status).toBe(0);
    expect(stdout.split("\0").slice(0, -1)).toEqual(values.flatMap((value) => [value, `a${value}b`]));
  });

  test("a NUL is refused", () => {
    expect(accepts("shell", "echo {{x}}", "a\0b")).toBe(false);
  });

  test.each([
    ["echo {{x}}", true],
    ['echo "a"{{x}}"b"', true],
    ['echo "$(cat {{x}})"', true],
    ["a=$(echo {{x}})", true],
    ["(cd {{x}})", true],
    ["f() { echo {{x}}; }", true],
    ["echo ${a#b} {{x}}", true],
    ["echo $# {{x}}", true],
    ["cat <<EOF >f\na 'b\nEOF\necho {{x}}", true],
    ["cat <<-'EOF' >f\n\ta\n\tEOF\necho {{x}}", true],
    ["cat <<< {{x}}", true],
    ["case $a in b) echo {{x}};; esac", true],
    ["# {{x}}\necho {{x}}", true],
    ["# it's\necho {{x}}", true],
    ["echo 'a {{x}}'", false],
    ['echo "a {{x}}"', false],
    ["echo `cat {{x}}`", false],
    ["echo $((1 + {{x}}))", false],
    ["echo ${a:-{{x}}}", false],
    ["echo \\{{x}}", false],
    ["echo ${{x}}", false],
    ["cat <<EOF\n{{x}}\nEOF", false],
    ["cat <<{{x}}", false],
    ['echo ${a:-"}"} {{x}}', false],
    ["echo $'it\\'s' {{x}}", false],
    ["$(case a in a) echo {{x}};; esac)", false],
  ])("%j: %j", (body, accepted) => {
    expect(accepts("shell", body, "v w")).toBe(accepted);
  });

  test("property: no value runs as code, whatever text is around it", { timeout: 60_000 }, () => {
    const fragment = fc
      .array(
        fc.constantFrom(
          ...Array.from("'\"\\`$(){}#;|&< \na"),
          "$(",
          "<<E\n",
          "\nE\n",
          "${a:-",
          "$((",
          "))",
          "case ",
        ),
        {
          maxLength: 10,
        },
      )
      .map((pieces) => pieces.join(""));
    const x = `'; echo PWN''ED >&2; '"; echo PWN""ED >&2; "$(echo PWN""ED >&2)\`echo PWN""ED >&2\``;
    fc.assert(
      fc.property(fragment, fragment, (before, after) => {
        // Other delimiters, so that braces in the text are no tags.
        const script = render("shell", `{{=<% %>=}}:${before}<% x %>${after}`, { x });
        if (script === null) return;
        const { stderr } = spawnSync("/bin/sh", ["-c", script], {
          encoding: "utf8",
          env: { PATH: "" },
          timeout: 5000,
        });
        expect(stderr).not.toMatch(/^PWNED$/m);
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});
