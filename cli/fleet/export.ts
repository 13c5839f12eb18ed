import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import type { ApiClient, Json } from "../api-client.ts";
import { inTurns } from "../in-turns.ts";
import { UsageError } from "../usage-error.ts";
import type { DocumentKind } from "./fleet.ts";
import { SECRETS_FILE, TEMPLATE_ENDING } from "./load.ts";
import { readDocument } from "./plan-documents.ts";

/**
 * Writes all of a fleet into a folder, as `loadFleet` reads it.
 *
 * @returns the files that were written, below the folder
 * @throws UsageError where there is something in it already, unless that is to be overwritten
 */
export async function exportFleet(
  api: ApiClient,
  directory: string,
  { overwrite }: { readonly overwrite: boolean },
): Promise<string[]> {
  if (!overwrite) requireEmpty(directory);
  const files = new Map<string, string>();
  for (const kind of ["template", "image", "profile"] as const) {
    const names: string[] = (await api.list(`/${kind}s`)).map(({ name }) => name);
    const documents = await inTurns(names, (name) =>
      api.request("GET", `/${kind}s/${encodeURIComponent(name)}`),
    );
    for (const [i, present] of documents.entries()) {
      const [file, text] = writeDocument(kind, names[i]!, readDocument(kind, present));
      files.set(file, text);
    }
  }
  const sites: Json[] = await api.list("/sites");
  const machinesOf = await inTurns(sites, ({ name }) =>
    api.list(`/sites/${encodeURIComponent(name)}/machines`),
  );
  for (const [i, site] of sites.entries()) {
    files.set(`sites/${site.name}.yaml`, stringify(withoutEmpty(withoutNames(site))));
    const machines = machinesOf[i]!;
    if (machines.length > 0) files.set(`machines/${site.name}.yaml`, writeMachines(machines));
  }
  const secrets: string[] = (await api.list("/secrets")).map(({ name }) => name);
  if (secrets.length > 0) {
    files.set(SECRETS_FILE, `# Their values are set by \`pxedge secret set NAME\`.\n${stringify(secrets)}`);
  }
  for (const [file, text] of files) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), text);
  }
  return [...files.keys()].sort();
}

function requireEmpty(directory: string): void {
  let entries: string[];
  try {
    entries = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw new UsageError(`${directory} cannot be read: ${(error as Error).message}`);
  }
  if (entries.some((name) => !name.startsWith("."))) {
    throw new UsageError(`${directory} is not empty: --overwrite replaces the files of this fleet in it`);
  }
}

function writeDocument(
  kind: DocumentKind,
  name: string,
  document: Record<string, unknown>,
): [file: string, text: string] {
  if (kind === "template") return [`templates/${name}${TEMPLATE_ENDING}`, document["text"] as string];
  return [`${kind}s/${name}.yaml`, stringify(withoutEmpty(document), { lineWidth: 0 })];
}

function writeMachines(machines: readonly Json[]): string {
  return stringify(
    Object.fromEntries(machines.map((machine) => [machine.name, withoutEmpty(withoutNames(machine))])),
    { lineWidth: 0 },
  );
}

/** What a file or a key says instead, or the control plane alone. */
function withoutNames(document: Json): Record<string, unknown> {
  const { id: _id, name: _name, ...members } = document;
  return members;
}

/** Members whose absence says as much as nothing in them. */
const EMPTY_BY_DEFAULT = ["variables", "initrds", "answers", "origins", "attestation", "windows"];

function withoutEmpty(document: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(document).filter(
      ([name, value]) => !EMPTY_BY_DEFAULT.includes(name) || Object.keys(value as object).length > 0,
    ),
  );
}
