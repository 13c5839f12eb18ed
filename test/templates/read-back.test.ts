import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { ContextName } from "../../core/render/contexts.ts";
import { TemplateError } from "../../core/render/problems.ts";
import { renderTemplate } from "../../core/render/render.ts";
import type { VariableValue } from "../../core/render/variables.ts";
import { debconf, jsonParse, kernelPort } from "../core/render/read-back/in-process.ts";
import { pythonReader } from "../core/render/read-back/python.ts";
import type { Reader } from "../core/render/read-back/reader.ts";
import { missingNeed } from "../relay/net/needs.ts";
import { variablesOf } from "./generate.ts";
import { findTemplate, readLibrary, render, SYSTEM_VIEW, viewFor } from "./library.ts";

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

/** All of them: `SETS=1000 npx vitest run --project core test/templates/read-back`. */
const SETS = Number(process.env["SETS"] ?? "40");

/** Dash's parser takes the script; that each value is in it as one word is looked for by `expectFound`. */
const shellWords: Reader = {
  name: "dash -n",
  available: missingNeed({ programs: ["/bin/dash"] }) === undefined,
  read: (texts) =>
    texts.map((text) => {
      const { status, stderr } = spawnSync("/bin/dash", ["-n"], { input: text, encoding: "utf8" });
      return status === 0 ? [text] : { error: stderr };
    }),
};

const READERS: Partial<Record<ContextName, Reader>> = {
  autoinstall: pythonReader("yaml", "PyYAML"),
  "cloud-config": pythonReader("yaml", "PyYAML"),
  autoyast: pythonReader("xml", "expat"),
  ignition: jsonParse,
  kickstart: pythonReader("kickstart", "shlex, as pykickstart reads"),
  "kernel-args": kernelPort,
  preseed: debconf,
  shell: shellWords,
  toml: pythonReader("toml", "tomllib"),
  unattend: pythonReader("xml", "expat"),
};

/** Templates that are read otherwise than their language is. */
const OWN_READERS: Readonly<Record<string, Reader>> = {
  "kickstart/esxi": pythonReader("esxi", "shlex, section by section"),
};

type Variables = Readonly<Record<string, VariableValue>>;
type Used = Readonly<Record<string, (variables: Variables) => boolean>>;

/** When a variable stands in the text at all, where that is not always; the same in every template. */
const USED: Used = {
  secondDisk: ({ layout }) => layout === "raid1",
  secondDiskSerial: ({ layout }) => layout === "raid1",
  baseUrl: (variables) => isEmpty(variables["relayMirror"]),
  installUrl: (variables) => isEmpty(variables["relayMirror"]),
  mirror: (variables) => isEmpty(variables["relayMirror"]),
  staticGateway: (variables) => !isEmpty(variables["staticAddress"]),
  staticNetmask: (variables) => !isEmpty(variables["staticAddress"]),
  nameServer: (variables) => !isEmpty(variables["staticAddress"]),
  nameServers: (variables) => !isEmpty(variables["staticAddress"]),
  userFullName: (variables) => !isEmpty(variables["userName"]),
  userPasswordHash: (variables) => !isEmpty(variables["userName"]),
};

/** The same of one template. */
const USED_IN: Readonly<Record<string, Used>> = {
  "toml/proxmox-ve": { diskSerial: (variables) => isEmpty(variables["zfsDisks"]) },
  "cloud-config/talos-controlplane": { disk: (variables) => isEmpty(variables["diskSerial"]) },
  "cloud-config/talos-worker": { disk: (variables) => isEmpty(variables["diskSerial"]) },
  "preseed/debian-12": {
    mirrorHost: (variables) => isEmpty(variables["relayMirror"]),
    mirrorDirectory: (variables) => isEmpty(variables["relayMirror"]),
  },
  "kickstart/enterprise-linux": {
    proxy: (variables) =>
      ["installUrl", "relayMirror", "repositories"].some((name) => !isEmpty(variables[name])),
  },
};

function isEmpty(value: VariableValue | undefined): boolean {
  return value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
}

describe.each(readLibrary().map(({ path, template }) => [path, template] as const))(
  "%s",
  (path, template) => {
    const reader = OWN_READERS[path] ?? READERS[template.kind];
    if (reader === undefined) throw new Error(`nothing reads ${template.kind}`);

    test.skipIf(!reader.available)(
      `${reader.name} finds every value of ${SETS} random sets`,
      { timeout: 600_000 },
      () => {
        const sets = fc.sample(variablesOf(template), SETS);
        const rendered = sets.flatMap((variables) => {
          try {
            return [
              {
                variables,
                text: renderTemplate(template, { ...viewFor(template), ...variables }, { name: path }),
              },
            ];
          } catch (error) {
            // The second outcome: refused, by the name of what it was refused for.
            if (!(error instanceof TemplateError)) throw error;
            expect(error.errors.every(({ variable }) => variable !== undefined)).toBe(true);
            return [];
          }
        });
        // What is refused is odd (a disk called "-"), and the exception.
        expect(rendered.length).toBeGreaterThan(SETS / 2);
        const readings = reader.read(
          rendered.map(({ text }) => text),
          rendered.map(() => []),
        );
        for (const [index, { variables }] of rendered.entries()) {
          const reading = readings[index]!;
          expect(reading).not.toHaveProperty("error");
          const found = (reading as readonly string[]).join("\n");
          for (const [name, value] of Object.entries(variables)) {
            const isUsed = USED_IN[path]?.[name] ?? USED[name] ?? (() => true);
            const isChoice = template.variables[name]!.enum !== undefined;
            if (!isChoice && isUsed(variables)) expectFound(found, name, value);
          }
        }
      },
    );
  },
);

/** In what the parser found, or in a script inside it as one quoted word. */
function expectFound(found: string, name: string, value: VariableValue): void {
  if (typeof value === "boolean") return;
  for (const one of Array.isArray(value) ? (value as readonly string[]) : [String(value)]) {
    const quoted = one.replaceAll("'", "'\\''");
    expect(found.includes(one) || found.includes(quoted), `${name}: ${JSON.stringify(one)}`).toBe(true);
  }
}

describe("as the consumers themselves read them", () => {
  const check = (program: string, args: (file: string) => string[], text: string) => {
    const directory = mkdtempSync(join(tmpdir(), "pxedge-template-"));
    try {
      const file = join(directory, "file");
      writeFileSync(file, text);
      return spawnSync(program, args(file), { encoding: "utf8" });
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
  const lack = (program: string) => missingNeed({ programs: [program] }) !== undefined;

  const cloudInit = "/usr/bin/cloud-init";
  test.skipIf(lack(cloudInit)).each(["least", "full", "raid1"])(
    "cloud-init's schema takes Ubuntu's user-data: %s",
    (name) => {
      const { examples } = findTemplate("autoinstall/ubuntu");
      const text = render("autoinstall/ubuntu", examples[name]!);
      const { status, stdout, stderr } = check(cloudInit, (file) => ["schema", "--config-file", file], text);
      expect(`${stdout}${stderr}`).toMatch(/^Valid cloud-config/);
      expect(status).toBe(0);
    },
  );

  const xmllint = "/usr/bin/xmllint";
  test.skipIf(lack(xmllint)).each([
    ["autoyast/opensuse-leap", "least"],
    ["autoyast/opensuse-leap", "full"],
    ["autoyast/opensuse-leap", "raid1"],
    ["unattend/windows-server", "full"],
  ])("xmllint takes %s", (path, name) => {
    const text = render(path, findTemplate(path).examples[name]!);
    const { status, stderr } = check(xmllint, (file) => ["--noout", file], text);
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });

  const validate = "/usr/bin/ignition-validate";
  test.skipIf(lack(validate))(
    "ignition-validate takes 20 random CoreOS configurations, without a warning",
    () => {
      const template = findTemplate("ignition/coreos");
      for (const variables of fc.sample(variablesOf(template), 20)) {
        const text = renderTemplate(template, { ...SYSTEM_VIEW, ...variables }, { name: "coreos" });
        const { status, stdout, stderr } = check(validate, (file) => [file], text);
        expect(`${stdout}${stderr}`).toBe("");
        expect(status).toBe(0);
      }
    },
  );

  test.skipIf(lack(validate))("ignition-validate takes the system in memory that installs another", () => {
    const { status, stdout, stderr } = check(
      validate,
      (file) => [file],
      render("ignition/coreos-installer", {}),
    );
    expect(`${stdout}${stderr}`).toBe("");
    expect(status).toBe(0);
  });
});
