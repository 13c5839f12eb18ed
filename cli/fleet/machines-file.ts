import { extname } from "node:path";
import { isMap, isSeq } from "yaml";
import { parseDnsmasqHosts } from "./dnsmasq-hosts.ts";
import type { FleetDocument } from "./fleet.ts";
import { readMachinesCsv } from "./machines-csv.ts";
import type { FleetProblem } from "./place.ts";
import { parseYamlFile } from "./yaml-file.ts";

/** What a file says of a site's machines. */
export type MachinesFile = {
  readonly machines: readonly FleetDocument[];
  readonly problems: readonly FleetProblem[];
  readonly notices: readonly FleetProblem[];
};

type ReadMachines = (file: string, text: string) => Partial<MachinesFile>;

const READERS: Readonly<Record<string, ReadMachines>> = {
  ".yaml": readMachinesYaml,
  ".yml": readMachinesYaml,
  ".json": readMachinesYaml,
  ".csv": readMachinesCsv,
  ".conf": readDnsmasq,
  ".hosts": readDnsmasq,
  ".ethers": readDnsmasq,
};

/** Ends of the names of files that machines are read from. */
export const MACHINE_FILE_ENDINGS = Object.keys(READERS);

/** The machines in a file, read as the end of its name says. */
export function readMachinesFile(file: string, text: string): MachinesFile {
  const read = READERS[extname(file)]!;
  return { machines: [], problems: [], notices: [], ...read(file, text) };
}

/** A mapping of names to machines, or a list of machines with a `name` each. */
function readMachinesYaml(file: string, text: string): Partial<MachinesFile> {
  const yaml = parseYamlFile(file, text);
  if (yaml.problems.length > 0) return { problems: yaml.problems };
  const { root } = yaml;
  if (root === null) return {};
  const machines: FleetDocument[] = [];
  const problems: FleetProblem[] = [];
  const add = (name: string, document: unknown, locate: FleetDocument["locate"]) => {
    if (typeof document === "object" && document !== null && !Array.isArray(document)) {
      machines.push({ name, document: document as Record<string, unknown>, locate });
    } else {
      problems.push({
        ...locate(""),
        field: name,
        message: "a machine's members are expected: macs, profile, …",
      });
    }
  };
  if (isMap(root)) {
    for (const { key, keyNode, value } of yaml.members(root)) {
      const document = yaml.read(value) ?? {};
      const named = yaml.locate(value ?? keyNode);
      const whole = yaml.locate(keyNode);
      const locate: FleetDocument["locate"] = (field) =>
        field === "" || field === "name" ? whole("") : named(field);
      if (typeof document === "object" && "name" in document && document.name !== key) {
        const message = `the machine is called "${key}" by its key`;
        problems.push({ ...named("name"), field: `${key}.name`, message });
        continue;
      }
      add(key, document, locate);
    }
  } else if (isSeq(root)) {
    for (const item of root.items) {
      const locate = yaml.locate(item);
      const document = yaml.read(item) as { name?: unknown } | null;
      if (typeof document?.name === "string") add(document.name, document, locate);
      else problems.push({ ...locate(""), field: "name", message: "is missing: a machine has a name" });
    }
  } else {
    problems.push({
      file,
      line: 1,
      field: "",
      message: "a mapping of names to machines is expected, or a list",
    });
  }
  return { machines, problems };
}

function readDnsmasq(file: string, text: string): Partial<MachinesFile> {
  const machines: FleetDocument[] = [];
  const problems: FleetProblem[] = [];
  const notices: FleetProblem[] = [];
  for (const { line, name, macs, address, tags, problem, notices: said } of parseDnsmasqHosts(text)) {
    const place = { file, line };
    for (const message of said) notices.push({ ...place, field: "", message });
    if (problem !== undefined) problems.push({ ...place, field: "", message: problem });
    if (problem !== undefined || macs.length === 0) continue;
    const document = {
      macs,
      ...(address !== undefined && { address }),
      ...(tags.length > 0 && { labels: Object.fromEntries(tags.map((tag) => [tag, "true"])) }),
    };
    machines.push({ name: name ?? macs[0]!.replaceAll(":", "-"), document, locate: () => place });
  }
  return { machines, problems, notices };
}
