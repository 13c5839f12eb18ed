import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import type { ContextName } from "../../../core/render/contexts.ts";
import { parseInlineTemplate } from "../../../core/render/parse.ts";
import { checkTemplate, renderTemplate } from "../../../core/render/render.ts";
import type { View } from "../../../core/render/view.ts";

const render = (kind: ContextName, body: string, view: View): string =>
  renderTemplate(parseInlineTemplate(kind, body), view, { name: "t" });

const problemsOf = (kind: ContextName, body: string, view: View): string[] =>
  checkTemplate(parseInlineTemplate(kind, body), view).map(({ code, variable }) => `${code} ${variable}`);

describe("places that a value can or cannot stand in", () => {
  const cases: readonly [ContextName, string, string, boolean][] = [
    ["cloud-config", "a: {{x}}", "v", true],
    ["cloud-config", "a: {{x}} # c", "v", true],
    ["cloud-config", "a:\n  {{x}}\nb: 1", "v", true],
    ["cloud-config", "a:\n- {{x}}\n- {{x}}", "v", true],
    ["cloud-config", "a: b\nc: {{x}}", "v", true],
    ["cloud-config", "- a: b\n  c: {{x}}", "v", true],
    ["cloud-config", "a: [b, {{x}}]", "v", true],
    ["cloud-config", "a: |\n  b\nc: {{x}}", "v", true],
    ["cloud-config", "- a: |\n  c: {{x}}", "v", true],
    ["cloud-config", "---\n{{x}}", "v", true],
    ["cloud-config", "a:{{x}}", "v", false],
    ["cloud-config", "a: b{{x}}", "v", false],
    ["cloud-config", "a: {{x}}b", "v", false],
    ["cloud-config", "a: {{x}} b", "v", false],
    ["cloud-config", "a: {{x}}{{x}}", "v", false],
    ["cloud-config", "a: {{x}}#b", "v", false],
    ["cloud-config", "a: b\n  {{x}}", "v", false],
    ["cloud-config", "a: b\n{{x}}: c", "v", false],
    ["cloud-config", '"p{{x}}": c', "v", false],
    ["cloud-config", "{{x}}: c", "v", false],
    ["cloud-config", "? {{x}}\n: c", "v", false],
    ["cloud-config", "a: !!str {{x}}", "v", false],
    ["cloud-config", "a: |2\n  {{x}}", "v", false],
    ["cloud-config", "a: |\n  {{x}}", " v", false],
    ["cloud-config", "a: |\n  {{x}}", "v\nw", false],
    ["cloud-config", 'a: "\\{{x}}"', "v", false],
    ["ignition", '{"a": {{x}}, "b": 1}', "v", true],
    ["ignition", "{{{x}}: 1}".replace("{{{x}}", "{ {{x}}"), "v", false],
    ["ignition", '{"a": 1, {{x}}: 1}', "v", false],
    ["ignition", '{"a": 1, "b{{x}}": 1}', "v", false],
    ["ignition", '{"a": {{x}}1}', "v", false],
    ["ignition", '{"a": "\\u00{{x}}"}', "41", false],
    ["unattend", "<a>{{x}}</a>", "\u0001", false],
    ["unattend", "<a>{{x}}</a>", "\r\n", true],
    ["unattend", "<{{x}}/>", "a", false],
    ["unattend", "<a b={{x}}/>", "a", false],
    ["unattend", "<a>&{{x}}</a>", "amp;", false],
    ["unattend", "<?a {{x}}?>", "b", false],
    ["unattend", "<!DOCTYPE {{x}}>", "b", false],
    ["unattend", "<![CDATA[{{x}}]]>", "a]]>b", false],
    ["unattend", "<!-- {{x}} -->", "a--b", false],
    ["toml", "a = {{x}} # c", "v", true],
    ["toml", "a = {{x}}b", "v", false],
    ["toml", "a = b{{x}}", "v", false],
    ["toml", "[{{x}}]", "v", false],
    ["toml", "{{x}} = 1", "v", false],
    ["toml", '"p{{x}}" = 1', "v", false],
    ["toml", "a = { {{x}} = 1 }", "v", false],
    ["toml", 'a = """\n{{x}}"""', "v", false],
    ["toml", "a = '{{x}}'", "it's", false],
    ["kickstart", "lang {{x}}", "en", true],
    ["kickstart", "{{x}} en", "lang", false],
    ["kickstart", "lang {{x}}", "--addsupport", false],
    ["kickstart", "lang --x={{x}}", "-y", true],
    ["kickstart", "a\\{{x}}", "v", false],
    ["kickstart", "lang {{x}}", "a\nb", false],
    ["kickstart", "a b#c {{x}}\n", "v", true],
    ["kickstart", "%post\necho {{x}}\n%end", "a\nb", true],
    ["kickstart", "%post\necho {{x}}\n%end", "a\n %end\nb", false],
    ["kickstart", "%post\necho {{x}}\n%end", "a\rb", false],
    ["kickstart", '%post\necho "{{x}}"\n%end', "a", false],
    ["kickstart", "%post --interpreter=/usr/bin/bash\necho {{x}}\n%end", "a", true],
    ["kickstart", "%post --interpreter=/usr/bin/python3\nprint({{x}})\n%end", "a", false],
    ["kickstart", "%addon x\n{{x}}\n%end", "a", false],
    ["kickstart", "%packages\n{{x}}\n%end", "vim", true],
    ["kickstart", "%packages\n{{x}}\n%end", "-vim", false],
    ["kickstart", "%packages\n{{x}}\n%end", "a b", false],
    ["kickstart", "%post\n%end {{x}}", "v", false],
    ["kickstart", "%post\n%end {{x}}", "a\nrootpw b", false],
    ["kickstart", "%packages\n%{{x}}\n%end", "end", false],
    ["kickstart", "%packages\n%include {{x}}\n%end", "/tmp/packages", true],
    ["shell", "cat <<EOF {{x}}\na\nEOF", "v", true],
    ["shell", "cat <<EOF {{x}}\na\nEOF", "v\nw", false],
    ["grub", "echo {{x}}", "it's $x", true],
    ["grub", "echo ${{x}}", "v", false],
    ["grub", "echo '{{x}}'", "v", false],
    ["grub", 'echo $"{{x}}"', "v", false],
    ["grub", "#it's\necho {{x}}", "v", false],
    ["grub", "echo {{x}}", "x".repeat(8000), false],
    ["pxelinux", "KERNEL {{x}}", "a b", false],
    ["pxelinux", "APPEND {{x}}", "a b", false],
    ["pxelinux", "{{x}} b", "KERNEL", false],
    ["pxelinux", "INITRD {{x}}", "a,b", false],
    ["pxelinux", "MENU LABEL {{x}}", "a ^b", false],
    ["pxelinux", "TEXT HELP\n{{x}}\nENDTEXT", "a", false],
    ["pxelinux", "SAY {{x}}", "x".repeat(4000), false],
  ];
  test.each(cases)("%s: %j with %j: %j", (kind, body, x, accepted) => {
    expect(problemsOf(kind, body, { x })).toEqual(
      accepted ? [] : expect.arrayContaining(["unrenderable-value x"]),
    );
  });
});

describe("numbers and booleans keep their type where the language has types, text keeps its own", () => {
  const view = { n: 20, f: 1e-7, big: 1e21, t: true, s: "20", b: "true", e: "" };
  const names = Object.keys(view) as (keyof typeof view)[];

  test("YAML", () => {
    const body = names.map((name) => `${name}: {{${name}}}\n`).join("");
    expect(parseYaml(render("cloud-config", body, view))).toEqual(view);
    expect(render("cloud-config", body, view)).toContain("f: 1.0e-7\nbig: 1.0e+21\n");
  });

  test("JSON", () => {
    const body = `{${names.map((name) => `"${name}": {{${name}}}`).join(", ")} }`;
    expect(JSON.parse(render("ignition", body, view))).toEqual(view);
  });

  test("TOML", () => {
    const body = names.map((name) => `${name} = {{${name}}}\n`).join("");
    expect(render("toml", body, view)).toBe(
      'n = 20\nf = 1e-7\nbig = 1e+21\nt = true\ns = "20"\nb = "true"\ne = ""\n',
    );
  });

  test("inside quotes they are text", () => {
    expect(render("cloud-config", 'a: "{{n}}{{t}}"', view)).toBe('a: "20true"');
  });
});

describe("sections that switch context", () => {
  test("where the outer language has quotes, the section is one value", () => {
    const body = '{"run": {{#shell}}echo {{x}} > "/a b"{{/shell}} }';
    expect(JSON.parse(render("ignition", body, { x: "it's" }))).toEqual({ run: `echo 'it'\\''s' > "/a b"` });
  });

  test("a block scalar shares its text with the section", () => {
    const body = "run:\n  - |\n    {{#shell}}\n    echo {{x}}\n    {{/shell}}\nz: {{x}}";
    expect(parseYaml(render("cloud-config", body, { x: "it's" }))).toEqual({
      run: ["echo 'it'\\''s'\n"],
      z: "it's",
    });
  });

  test("three languages deep", () => {
    const body = '<c>{{#shell}}put {{#ignition}}{"a": {{x}} }{{/ignition}}{{/shell}}</c>';
    expect(render("unattend", body, { x: `<'">` })).toBe(`<c>put '{"a": "&#60;'\\''\\"&#62;" }'</c>`);
  });

  test("text before the section counts: an open quote of the author's is not forgotten", () => {
    for (const body of [
      'd-i a/b string echo "{{#shell}}{{x}}{{/shell}}"',
      "d-i a/b string # {{#shell}}{{x}}{{/shell}}",
    ]) {
      expect(problemsOf("preseed", body, { x: "a\nb" }), body).toEqual(["unrenderable-value x"]);
    }
    expect(problemsOf("cloud-config", 'a: |\n  echo "\n  {{#shell}}{{x}}{{/shell}}', { x: "a" })).toEqual([
      "unrenderable-value x",
    ]);
    expect(problemsOf("kickstart", '%post\necho "\n{{#shell}}{{x}}{{/shell}}\n%end', { x: "a" })).toEqual([
      "unrenderable-value x",
    ]);
  });

  test("kernel arguments are words of their own in GRUB and PXELINUX, one word in a kickstart", () => {
    const args = "{{#kernel-args}}a=1 b={{x}}{{/kernel-args}}";
    expect(render("grub", `linux /k ${args}`, { x: "c;d" })).toBe("linux /k a=1 b='c;d'");
    expect(render("pxelinux", `APPEND ${args}`, { x: "c;d" })).toBe("APPEND a=1 b=c;d");
    expect(render("kickstart", `bootloader --append=${args}`, { x: "c;d" })).toBe(
      "bootloader --append='a=1 b=c;d'",
    );
  });

  test("what the outer language cannot carry is told by the name of the value", () => {
    expect(
      problemsOf("unattend", "<a>{{#shell}}echo {{x}} {{y}}{{/shell}}</a>", { x: "a\u0001", y: "b" }),
    ).toEqual(["unrenderable-value x"]);
  });

  test.each<[ContextName, string]>([
    ["ipxe", "{{#shell}}a{{/shell}}"],
    ["kernel-args", "a={{#shell}}a{{/shell}}"],
    ["preseed", "# {{#shell}}a{{/shell}}"],
    ["preseed", "d-i {{#shell}}a{{/shell}} string b"],
    ["cloud-config", "a: b {{#shell}}c{{/shell}}"],
    ["cloud-config", "a: >\n  {{#shell}}c{{/shell}}"],
    ["cloud-config", 'a: "b {{#shell}}c{{/shell}}"'],
    ["ignition", '{"a": "b {{#shell}}c{{/shell}}"}'],
    ["unattend", "<a>b {{#shell}}c{{/shell}}</a>"],
    ["unattend", "<!-- {{#shell}}c{{/shell}} -->"],
    ["toml", 'a = "b {{#shell}}c{{/shell}}"'],
    ["kickstart", "%packages\n{{#shell}}c{{/shell}}\n%end"],
    ["grub", "# {{#shell}}c{{/shell}}"],
    ["grub", 'linux /k "{{#kernel-args}}a{{/kernel-args}}"'],
    ["pxelinux", "KERNEL {{#shell}}c{{/shell}}"],
    ["shell", 'echo "{{#ignition}}{}{{/ignition}}"'],
  ])("%s: %j is refused, as it could be read two ways", (kind, body) => {
    const name = /#([a-z-]+)/.exec(body.replace(/^# /, ""))![1];
    expect(problemsOf(kind, body, {})).toEqual([`misplaced-context ${name}`]);
  });
});

describe("limits", () => {
  test("what is written is bounded", () => {
    const x = "x".repeat(65_536);
    expect(problemsOf("shell", "{{x}}".repeat(100), { x })).toEqual(["output-too-large x"]);
  });

  test("so are loops that write nothing", () => {
    const body = "{{#l}}{{#l}}{{#l}}{{#e}}{{/e}}{{/l}}{{/l}}{{/l}}";
    expect(problemsOf("shell", body, { l: Array(300).fill(1), e: [] })).toEqual(["output-too-large "]);
  });
});
