import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { missingNeed } from "../relay/net/needs.ts";
import { pxedge } from "./pxedge-process.ts";

const directory = mkdtempSync(join(tmpdir(), "pxedge-completion-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Lines as they are typed, and the words that may follow; `null`: files. */
const LINES: Readonly<Record<string, readonly string[] | null>> = {
  "pxedge machine ti": ["timeline"],
  "pxedge --url x machine arm web1 --wa": ["--wait"],
  "pxedge token create --role ": ["admin", "operator", "viewer"],
  "pxedge completion ": ["bash", "fish", "zsh"],
  "pxedge relay ": ["doctor", "join", "run", "status"],
  "pxedge apply ": null,
  "pxedge relay run --config ": null,
};

/**
 * Shell functions around the script, each printing a line for each of `LINES`:
 * its words, or `files`.
 */
const ASK: Readonly<Record<"bash" | "zsh" | "fish", (script: string) => string>> = {
  bash: (script) => `. ${script}
ask() {
  COMP_WORDS=($1); [[ $1 != *" " ]] || COMP_WORDS+=(""); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _pxedge
  echo "\${COMPREPLY[*]:-files}"
}`,
  // What zsh's own completion calls: it drops by itself what does not begin as the word at hand.
  zsh: (script) => `compdef() { :; }
_files() { print -r -- files }
compadd() { shift; print -r -- \${(M)@:#\${words[CURRENT]}*} }
. ${script}
ask() { words=(\${(s: :)1}); [[ $1 != *" " ]] || words+=(""); CURRENT=$#words; _pxedge }`,
  fish: (script) => `source ${script}
cd ${directory}
function ask
  set -l words (complete -C $argv[1] | string replace -r '\\t.*' '')
  string match -q '*script.fish*' "$words"; and echo files; or echo $words
end`,
};

describe.each(["bash", "zsh", "fish"] as const)("%s", (shell) => {
  const lack = missingNeed({ programs: [`/usr/bin/${shell}`] });
  test.skipIf(lack !== undefined)("completes commands, options, choices and files", async () => {
    const { stdout, code } = await pxedge(["completion", shell]).ended;
    expect(code).toBe(0);
    const script = join(directory, `script.${shell}`);
    writeFileSync(script, stdout);
    const asking = [ASK[shell](script), ...Object.keys(LINES).map((line) => `ask '${line}'`)].join("\n");
    const env = { PATH: process.env["PATH"], HOME: directory };
    const noConfiguration = { bash: ["--norc"], zsh: ["-f"], fish: ["--no-config"] }[shell];
    const answered = await promisify(execFile)(shell, [...noConfiguration, "-c", asking], { env });
    const answers = answered.stdout.trimEnd().split("\n");
    const found = Object.keys(LINES).map((line, i) => [line, answers[i]?.split(" ").sort().join(" ")]);
    const expected = Object.entries(LINES).map(([line, words]) => [line, words?.join(" ") ?? "files"]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
  });
});
