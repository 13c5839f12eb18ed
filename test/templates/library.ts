import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseTemplate, type ParsedTemplate } from "../../core/render/parse.ts";
import { renderTemplate } from "../../core/render/render.ts";
import { secretNames } from "../../core/render/secret-names.ts";

const ROOT = fileURLToPath(new URL("../../templates", import.meta.url));

/** A template of the library: its folder and name, e.g. `kickstart/enterprise-linux`. */
export type LibraryTemplate = { readonly path: string; readonly template: ParsedTemplate };

/** All of templates/, each parsed. */
export function readLibrary(): LibraryTemplate[] {
  return readdirSync(ROOT, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".mustache"))
    .map((file) => file.slice(0, -".mustache".length))
    .toSorted()
    .map((path) => ({ path, template: findTemplate(path) }));
}

export function findTemplate(path: string): ParsedTemplate {
  return parseTemplate(templateText(path));
}

export function templateText(path: string): string {
  return readFileSync(`${ROOT}/${path}.mustache`, "utf8");
}

/** What the control plane adds to a machine's variables. */
export const SYSTEM_VIEW = {
  machine: {
    id: "6f1e0a2b3c4d5e6f",
    name: "web-1",
    mac: "52:54:00:12:34:56",
    macHexhyp: "52-54-00-12-34-56",
    macBare: "525400123456",
    macs: ["52:54:00:12:34:56"],
    uuid: "4c4c4544-0000-2010-8020-80c04f202020",
    serial: "ABC123",
    address: "192.0.2.10",
  },
  site: { name: "berlin" },
  attempt: { id: "0fa2421080697554" },
  urls: {
    base: "http://192.0.2.1:8080",
    host: "192.0.2.1:8080",
    mirror: "http://192.0.2.1:8080/mirror/",
    answers: "http://192.0.2.1:8080/a/CAPABILITY/",
    events: "http://192.0.2.1:8080/e/CAPABILITY/",
    tree: "http://192.0.2.1:8080/t/GRANT/image/revision/",
  },
};

/** The view of a template: with a value for each secret that it names. */
export function viewFor(template: ParsedTemplate): Readonly<Record<string, unknown>> {
  const secret = Object.fromEntries(secretNames(template).map((name) => [name, `the ${name} <&'"`]));
  return { ...SYSTEM_VIEW, secret };
}

export function render(path: string, variables: Readonly<Record<string, unknown>>): string {
  const template = findTemplate(path);
  return renderTemplate(template, { ...viewFor(template), ...variables }, { name: path });
}
