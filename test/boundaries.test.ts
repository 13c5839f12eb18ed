import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** Shows that a wrong import fails the check: the project's own lint rules on a tree of small files. */
const ROOT = fileURLToPath(new URL("..", import.meta.url));

let tree: string;

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), "pxedge-boundaries-"));
  cpSync(join(ROOT, ".oxlintrc.json"), join(tree, ".oxlintrc.json"));
  for (const folder of ["core", "worker", "relay", "cli", "templates", "test", "bench"]) {
    write(`${folder}/ok.ts`, "export const ok = 1;\n");
  }
});
afterEach(() => rmSync(tree, { recursive: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(tree, file)), { recursive: true });
  writeFileSync(join(tree, file), text);
}

function lint(): { status: number | null; output: string } {
  const oxlint = join(ROOT, "node_modules/oxlint/bin/oxlint");
  const { status, stdout, stderr } = spawnSync(process.execPath, [oxlint, "--deny-warnings"], {
    cwd: tree,
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}

function importing(source: string): string {
  return `import * as imported from "${source}";\nexport const used = imported;\n`;
}

test("the tree without a wrong import passes", () => {
  write("worker/good.ts", importing("../core/ok.ts"));
  write("relay/good.ts", importing("node:fs"));
  write("cli/good.ts", importing("../relay/ok.ts"));
  expect(lint()).toMatchObject({ status: 0 });
});

describe("a wrong import fails", () => {
  const wrong: [file: string, source: string][] = [
    ["core/bad.ts", "node:fs"],
    ["core/bad.ts", "cloudflare:workers"],
    ["core/bad.ts", "../worker/ok.ts"],
    ["core/deep/bad.ts", "../../relay/ok.ts"],
    ["core/bad.ts", "../cli/ok.ts"],
    ["worker/bad.ts", "../relay/ok.ts"],
    ["worker/routes/bad.ts", "../../relay/ok.ts"],
    ["worker/bad.ts", "../cli/ok.ts"],
    ["worker/bad.ts", "node:fs"],
    ["relay/bad.ts", "../worker/ok.ts"],
    ["relay/dhcp/bad.ts", "../../worker/ok.ts"],
    ["relay/bad.ts", "../cli/ok.ts"],
    ["relay/bad.ts", "cloudflare:workers"],
    ["cli/bad.ts", "../worker/ok.ts"],
    ["core/bad.ts", "../bench/ok.ts"],
    ["relay/bad.ts", "../test/ok.ts"],
  ];
  for (const [file, source] of wrong) {
    test(`${file} importing ${source}`, () => {
      write(file, importing(source));
      const { status, output } = lint();
      expect(status, output).toBe(1);
      expect(output).toContain(file);
      expect(output).toContain("no-restricted-imports");
    });
  }
});

describe("core has neither clock, randomness nor I/O", () => {
  for (const use of [
    "Date.now()",
    "Math.random()",
    "crypto.randomUUID()",
    "fetch",
    "setTimeout",
    "process",
  ]) {
    test(use, () => {
      write("core/bad.ts", `export const used = ${use};\n`);
      expect(lint().status).toBe(1);
    });
  }
});
