import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, isAbsolute, join } from "node:path";
import { isMap, isScalar, isSeq } from "yaml";
import { closestName } from "../../core/spelling.ts";
import { UsageError } from "../usage-error.ts";
import type { Fleet, FleetDocument, FleetImage } from "./fleet.ts";
import { MACHINE_FILE_ENDINGS, readMachinesFile } from "./machines-file.ts";
import type { FleetProblem } from "./place.ts";
import { parseYamlFile } from "./yaml-file.ts";

const FOLDERS = ["sites", "profiles", "templates", "machines", "images"] as const;
const DOCUMENT_ENDINGS = [".yaml", ".yml", ".json"];
export const TEMPLATE_ENDING = ".mustache";
export const SECRETS_FILE = "secrets.yaml";

/**
 * Reads a fleet's folder:
 *
 *     sites/NAME.yaml              a site's settings
 *     profiles/NAME.yaml
 *     templates/NAME.mustache
 *     images/NAME.yaml             its files by `file` or `url`; folders beside it may hold them
 *     machines/SITE.yaml           or .csv, .conf, .hosts, .ethers; or several in machines/SITE/
 *     secrets.yaml                 names
 *
 * Reads all it can: every problem of every file is in the result. Paths in it
 * are as they were named, below `directory`.
 *
 * @throws UsageError where there is no such folder, or nothing of a fleet in it
 */
export function loadFleet(directory: string): Fleet {
  const loader = new Loader(directory);
  loader.checkTop();
  const sites = loader.documents("sites");
  for (const { name, document, locate } of sites) {
    if (document["name"] === undefined || document["name"] === name) continue;
    loader.refuse({ ...locate("name"), field: "name", message: `the site is called "${name}" by its file` });
  }
  return {
    sites,
    machines: loader.machines(),
    templates: loader.templates(),
    images: loader.documents("images").flatMap((image) => loader.image(image) ?? []),
    profiles: loader.documents("profiles"),
    secrets: loader.secrets(),
    problems: loader.problems,
    notices: loader.notices,
    unreadable: loader.unreadable,
  };
}

class Loader {
  readonly problems: FleetProblem[] = [];
  readonly notices: FleetProblem[] = [];
  readonly unreadable = new Set<string>();
  private readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  refuse(problem: FleetProblem): void {
    this.problems.push(problem);
  }

  checkTop(): void {
    let entries;
    try {
      entries = readdirSync(this.directory, { withFileTypes: true });
    } catch (error) {
      throw new UsageError(`${this.directory} cannot be read: ${(error as Error).message}`);
    }
    const names = entries.map(({ name }) => name);
    if (![...FOLDERS, SECRETS_FILE].some((name) => names.includes(name))) {
      throw new UsageError(
        `${this.directory} holds no fleet: there is none of ${FOLDERS.map((name) => `${name}/`).join(", ")}`,
      );
    }
    for (const entry of entries) {
      if (!entry.isDirectory() || (FOLDERS as readonly string[]).includes(entry.name)) continue;
      const close = closestName(entry.name, FOLDERS);
      if (close === undefined) continue;
      const file = join(this.directory, entry.name);
      this.refuse({ file, field: "", message: `is not looked at: did you mean "${close}/"?` });
    }
  }

  /** Documents of `FOLDER/NAME.yaml`. */
  documents(folder: "sites" | "profiles" | "images"): FleetDocument[] {
    const found: FleetDocument[] = [];
    for (const file of this.files(folder, DOCUMENT_ENDINGS, folder === "images")) {
      const name = stem(file);
      const refuse = (problems: readonly FleetProblem[]) => {
        this.problems.push(...problems);
        this.unreadable.add(`${folder.replace(/s$/, "")} ${name}`);
      };
      const text = this.read(file, refuse);
      if (text === undefined) continue;
      const yaml = parseYamlFile(file, text);
      const { root } = yaml;
      if (yaml.problems.length > 0) refuse(yaml.problems);
      else if (root !== null && !isMap(root))
        refuse([{ file, line: 1, field: "", message: "a mapping of members is expected" }]);
      else
        found.push({
          name,
          document: (yaml.read(root) ?? {}) as Record<string, unknown>,
          locate: yaml.locate(root),
        });
    }
    this.refuseTwins(found, folder);
    return found;
  }

  templates(): FleetDocument[] {
    const found: FleetDocument[] = [];
    for (const file of this.files("templates", [TEMPLATE_ENDING])) {
      const name = stem(file);
      const text = this.read(file, (problems) => {
        this.problems.push(...problems);
        this.unreadable.add(`template ${name}`);
      });
      if (text === undefined) continue;
      const locate: FleetDocument["locate"] = (field) => {
        // `text:LINE:COLUMN` is how the control plane names a place in a template.
        const match = /^text:(\d+):(\d+)$/.exec(field);
        return match === null ? { file } : { file, line: Number(match[1]), column: Number(match[2]) };
      };
      found.push({ name, document: { text }, locate });
    }
    return found;
  }

  machines(): Map<string, FleetDocument[]> {
    const bySite = new Map<string, FleetDocument[]>();
    const files = this.files("machines", MACHINE_FILE_ENDINGS, true).map(
      (file) => [stem(file), file] as const,
    );
    for (const site of this.folders("machines")) {
      for (const file of this.files(join("machines", site), MACHINE_FILE_ENDINGS)) files.push([site, file]);
    }
    for (const [site, file] of files) {
      const text = this.read(file, (problems) => void this.problems.push(...problems));
      if (text === undefined) continue;
      const { machines, problems, notices } = readMachinesFile(file, text);
      this.problems.push(...problems);
      this.notices.push(...notices);
      bySite.set(site, [...(bySite.get(site) ?? []), ...machines]);
    }
    for (const machines of bySite.values()) this.refuseTwins(machines, "machines");
    return bySite;
  }

  secrets(): Fleet["secrets"] {
    const file = join(this.directory, SECRETS_FILE);
    if (!exists(file)) return [];
    const text = this.read(file, (problems) => void this.problems.push(...problems));
    if (text === undefined) return [];
    const yaml = parseYamlFile(file, text);
    this.problems.push(...yaml.problems);
    if (yaml.root === null || yaml.problems.length > 0) return [];
    if (
      isSeq(yaml.root) &&
      yaml.root.items.every((item) => isScalar(item) && typeof item.value === "string")
    ) {
      return yaml.root.items.map((item) => ({ ...yaml.locate(item)(""), name: yaml.read(item) as string }));
    }
    const message = "a list of names is expected; values are set by `pxedge secret set NAME`";
    this.refuse({ file, line: 1, field: "", message });
    return [];
  }

  /** Takes files of this computer out of an image's document; `null` where one is not there. */
  image(image: FleetDocument): FleetImage | null {
    const localFiles = new Map<string, string>();
    const { files } = image.document;
    if (typeof files !== "object" || files === null) return { ...image, localFiles };
    const kept: Record<string, unknown> = {};
    for (const [path, file] of Object.entries(files) as [string, unknown][]) {
      const local = (file as { file?: unknown } | null)?.file;
      if (local === undefined) {
        kept[path] = file;
        continue;
      }
      const { file: _, ...rest } = file as Record<string, unknown>;
      const place = image.locate(`files.${path}.file`);
      const found = typeof local === "string" ? resolveFrom(place.file, local) : "";
      if (typeof local !== "string" || !isFile(found)) {
        this.refuse({
          ...place,
          field: `files.${path}.file`,
          message: `there is no file ${JSON.stringify(local)}`,
        });
        this.unreadable.add(`image ${image.name}`);
        continue;
      }
      localFiles.set(path, found);
      kept[path] = rest;
    }
    if (this.unreadable.has(`image ${image.name}`)) return null;
    return { ...image, document: { ...image.document, files: kept }, localFiles };
  }

  private refuseTwins(documents: readonly FleetDocument[], folder: string): void {
    const first = new Map<string, FleetDocument>();
    for (const each of documents) {
      const twin = first.get(each.name);
      if (twin === undefined) {
        first.set(each.name, each);
        continue;
      }
      const { file, line } = twin.locate("");
      const message = `"${each.name}" is there already: ${file}${line === undefined ? "" : `:${line}`}`;
      this.refuse({ ...each.locate(""), field: folder === "machines" ? "name" : "", message });
    }
  }

  /** Files of a folder that end as they should; others are refused. */
  private files(folder: string, endings: readonly string[], hasFolders = false): string[] {
    const found: string[] = [];
    for (const { name, file, isDirectory } of this.entries(folder)) {
      if (isDirectory && hasFolders) continue;
      if (!isDirectory && endings.includes(extname(name))) found.push(file);
      else {
        const message = `what is this? Files here end in ${endings.join(", ")}`;
        this.refuse({ file, field: "", message });
      }
    }
    return found;
  }

  private folders(folder: string): string[] {
    return this.entries(folder).flatMap(({ name, isDirectory }) => (isDirectory ? [name] : []));
  }

  /** What is in a folder, but for notes to people and what editors and Git hide. */
  private entries(folder: string): { name: string; file: string; isDirectory: boolean }[] {
    const path = join(this.directory, folder);
    if (!exists(path)) return [];
    return readdirSync(path)
      .filter((name) => !/^\.|^README|~$/.test(name))
      .sort()
      .map((name) => {
        const file = join(path, name);
        return { name, file, isDirectory: statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false };
      });
  }

  private read(file: string, refuse: (problems: readonly FleetProblem[]) => void): string | undefined {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      refuse([{ file, field: "", message: `cannot be read: ${(error as Error).message}` }]);
      return undefined;
    }
  }
}

function stem(file: string): string {
  return basename(file, extname(file));
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** A path as an image's file names it: below the file itself, unless absolute. */
function resolveFrom(file: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(file), path);
}
