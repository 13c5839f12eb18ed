import { grubEmu } from "./grub-emu.ts";
import { debconf, ipxePort, jsonParse, kernelPort, pxelinuxPort, yamlPackage } from "./in-process.ts";
import { pythonReader } from "./python.ts";
import type { Position, ReadBack } from "./reader.ts";
import { shellReader, wordSplittingReader } from "./shells.ts";
import { xmllint } from "./xmllint.ts";

/** A shell word, as the shell context writes it; that shells read it back is tested under `shell`. */
const word = (x: string): string => `'${x.replaceAll("'", "'\\''")}'`;

const YAML: readonly Position[] = [
  { body: "a: {{x}}\nz: end\n", expect: (x) => ["a", x, "z", "end"] },
  { body: "a:\n  {{x}}\nz: end\n", expect: (x) => ["a", x, "z", "end"] },
  { body: "- {{x}}\n- b: {{x}} # c\n  c: d\n", expect: (x) => [x, "b", x, "c", "d"] },
  { body: "[{{x}}, {{x}}, {a: {{x}} }]\n", expect: (x) => [x, x, "a", x] },
  { body: 'a: "p{{x}}q"\nb: "{{x}}"\n', expect: (x) => ["a", `p${x}q`, "b", x] },
  { body: 'a: "p\n  {{x}}\n  q"\n', expect: (x) => ["a", `p ${x} q`] },
  { body: "a: 'p{{x}}q'\nb: '{{x}}'\n", expect: (x) => ["a", `p${x}q`, "b", x] },
  { body: "a: |\n  {{x}}\n  p{{x}}q\n", expect: (x) => ["a", `${x}\np${x}q\n`] },
  { body: "a: >-\n  s\n  {{x}}\n  p {{x}} q\nz: end\n", expect: (x) => ["a", `s ${x} p ${x} q`, "z", "end"] },
  { body: "a: b # {{x}}\n# {{x}}\nz: end\n", expect: () => ["a", "b", "z", "end"] },
  { body: "a: {{#shell}}ls\necho {{x}}{{/shell}}\n", expect: (x) => ["a", `ls\necho ${word(x)}`] },
  {
    body: "a:\n  - |\n    {{#shell}}\n    ls\n    echo {{x}}\n    {{/shell}}\nz: end\n",
    expect: (x) => ["a", `ls\necho ${word(x)}\n`, "z", "end"],
  },
];

const XML: readonly Position[] = [
  { body: "<d>{{x}}</d>", expect: (x) => [x] },
  { body: "<d>p {{x}} q</d>", expect: (x) => [`p ${x} q`] },
  { body: `<d a="{{x}}" b='p{{x}}q'/>`, expect: (x) => ["", x, `p${x}q`] },
  { body: "<d><![CDATA[{{x}}]]></d>", expect: (x) => [x] },
  { body: "<d><!-- {{x}} --><e>t</e></d>", expect: () => ["", "t"] },
  {
    body: "<d>{{#shell}}[ a < b ] && echo {{x}}{{/shell}}</d>",
    expect: (x) => [`[ a < b ] && echo ${word(x)}`],
  },
];

const yamlReaders = [yamlPackage, pythonReader("yaml", "PyYAML")];
const xmlReaders = [xmllint, pythonReader("xml", "expat")];

/** Every context with the places tried and the parsers that read it back. */
export const READ_BACKS: readonly ReadBack[] = [
  { context: "cloud-config", positions: YAML, readers: yamlReaders },
  { context: "autoinstall", positions: YAML, readers: yamlReaders },
  { context: "autoyast", positions: XML, readers: xmlReaders },
  { context: "unattend", positions: XML, readers: xmlReaders },
  {
    context: "ignition",
    positions: [
      { body: '{"a": {{x}} }', expect: (x) => ["a", x] },
      { body: '["p{{x}}q", "{{x}}", {{x}}, {"k":{{x}} }]', expect: (x) => [`p${x}q`, x, x, "k", x] },
      { body: '{"a": {{#shell}}echo {{x}}{{/shell}} }', expect: (x) => ["a", `echo ${word(x)}`] },
      { body: '{"a": "{{#shell}}echo {{x}}{{/shell}}"}', expect: (x) => ["a", `echo ${word(x)}`] },
    ],
    readers: [jsonParse, yamlPackage],
  },
  {
    context: "toml",
    positions: [
      { body: "a = {{x}}\nz = 1\n", expect: (x) => ["a", x, "z", "1"] },
      { body: 'a = "p{{x}}q"\nb = "{{x}}"\n', expect: (x) => ["a", `p${x}q`, "b", x] },
      { body: "a = 'p{{x}}q'\nb = '{{x}}'\n", expect: (x) => ["a", `p${x}q`, "b", x] },
      { body: "a = [{{x}}, {{x}}] # {{x}}\nz = 1\n", expect: (x) => ["a", x, x, "z", "1"] },
      { body: "a = { b = {{x}}, c = {{x}} }\n", expect: (x) => ["a", "b", x, "c", x] },
      { body: "a = {{#shell}}echo {{x}}{{/shell}}\n", expect: (x) => ["a", `echo ${word(x)}`] },
    ],
    readers: [pythonReader("toml", "tomllib")],
  },
  {
    context: "kickstart",
    positions: [
      { body: "rootpw --iscrypted {{x}}\nreboot\n", expect: (x) => ["rootpw", "--iscrypted", x, "reboot"] },
      {
        body: "url --url=http://{{x}}/ # {{x}}\nreboot\n",
        expect: (x) => ["url", `--url=http://${x}/`, "reboot"],
      },
      { body: 'a "p{{x}}q" "{{x}}" z\nreboot\n', expect: (x) => ["a", `p${x}q`, x, "z", "reboot"] },
      { body: "a 'p{{x}}q' '{{x}}'\n# {{x}}\nreboot\n", expect: (x) => ["a", `p${x}q`, x, "reboot"] },
      {
        body: "%packages\n{{x}}\np{{x}}q # {{x}}\n%end\n",
        expect: (x) => ["%packages", x, `p${x}q`, "%end"],
      },
      {
        body: "%post --log={{x}}\n{{#shell}}echo {{x}}{{/shell}}\n%end\nreboot\n",
        expect: (x) => ["%post", `--log=${x}`, ...lines(`echo ${word(x)}\n`), "%end", "reboot"],
      },
      {
        body: "%pre\necho p{{x}} {{x}}\n%end\n",
        expect: (x) => ["%pre", ...lines(`echo p${word(x)} ${word(x)}\n`), "%end"],
      },
    ],
    readers: [pythonReader("kickstart", "port of pykickstart on Python's shlex")],
  },
  {
    context: "shell",
    positions: [
      { body: "printf '%s\\0' {{x}}", expect: (x) => [x] },
      { body: "printf '%s\\0' p{{x}}\"q\"{{x}}", expect: (x) => [`p${x}q${x}`] },
      { body: "v={{x}}; printf '%s\\0' \"$v\"", expect: (x) => [x] },
      { body: "printf '%s\\0' \"$(printf '%s.' {{x}})\"", expect: (x) => [`${x}.`] },
      { body: "# {{x}}\nprintf '%s\\0' ok", expect: () => ["ok"] },
    ],
    readers: [shellReader("dash"), shellReader("bash")],
  },
  {
    context: "grub",
    positions: [
      { body: "echo @{{x}}@", expect: (x) => [`@${x}@`] },
      { body: 'echo "@p{{x}}q@"', expect: (x) => [`@p${x}q@`] },
      { body: 'set v={{x}}\necho "@$v@"', expect: (x) => [`@${x}@`] },
      { body: "if true; then echo @{{x}}@{{x}}; fi # {{x}}", expect: (x) => [`@${x}@${x}`] },
      { body: "echo @ {{#kernel-args}}a={{x}} {{x}}{{/kernel-args}} @", expect: (x) => [`@ a=${x} ${x} @`] },
    ],
    readers: [grubEmu],
  },
  {
    context: "pxelinux",
    positions: [
      { body: "LABEL {{x}}\n  KERNEL p{{x}}\n", expect: (x) => ["label", x, "kernel", `p${x}`] },
      {
        body: "MENU LABEL {{x}}\nMENU TITLE p {{x}} q\n",
        expect: (x) => ["menu label", x, "menu title", `p ${x} q`],
      },
      { body: "APPEND a={{x}} {{x}}\nPROMPT 0\n", expect: (x) => ["append", `a=${x} ${x}`, "prompt", "0"] },
      { body: "# {{x}}\nINITRD a,{{x}}\nSAY {{x}}\n", expect: (x) => ["initrd", `a,${x}`, "say", x] },
    ],
    readers: [pxelinuxPort],
  },
  {
    context: "ipxe",
    positions: [
      { body: "set v {{x}}\nexit", expect: (x) => ["set", "v", x, "exit"] },
      { body: "echo p{{x}}q {{x}} || exit", expect: (x) => ["echo", `p${x}q`, x, "||", "exit"] },
      { body: "kernel u {{#kernel-args}}a={{x}}{{/kernel-args}}", expect: (x) => ["kernel", "u", `a=${x}`] },
    ],
    readers: [ipxePort],
  },
  {
    context: "kernel-args",
    positions: [
      { body: "a={{x}} z", expect: (x) => [`a=${x}`, "z"] },
      { body: "a {{x}}", expect: (x) => ["a", x] },
      { body: "a=p{{x}}q{{x}} z", expect: (x) => [`a=p${x}q${x}`, "z"] },
    ],
    readers: [kernelPort, wordSplittingReader("dash"), ipxePort],
  },
  {
    context: "preseed",
    positions: [
      { body: "d-i t/q string {{x}}", expect: (x) => [x] },
      { body: "d-i t/q string p{{x}} q", expect: (x) => [`p${x} q`] },
      { body: "# {{x}}\nd-i t/q string ok", expect: () => ["ok"] },
      { body: "d-i t/q string {{#shell}}echo {{x}}{{/shell}}", expect: (x) => [`echo ${word(x)}`] },
    ],
    readers: [debconf],
  },
];

/** A script's lines as Python's str.splitlines(keepends) makes them. */
function lines(text: string): string[] {
  // oxlint-disable-next-line no-control-regex
  const line = /[^\n\v\f\u001c-\u001e\u0085\u2028\u2029]*[\n\v\f\u001c-\u001e\u0085\u2028\u2029]/g;
  return text.match(line) ?? [];
}
