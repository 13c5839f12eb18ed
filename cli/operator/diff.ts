import { existsSync } from "node:fs";
import type { Command } from "commander";
import type { ApiClient, Json } from "../api-client.ts";
import { colour, printable } from "../terminal/table.ts";
import { UsageError } from "../usage-error.ts";
import { operatorCommand, segment, withSession } from "./command.ts";

/** Machines that a change does the same to. */
type Group = {
  readonly kind: "changed" | "error";
  readonly machines: { readonly site: string; readonly name: string; readonly profile: string }[];
  /** Unified diffs by file; of `changed`. */
  readonly files?: Readonly<Record<string, string>>;
  /** Of `error`: `to` where it would not render, `from` where it only did not before. */
  readonly side?: "from" | "to";
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
};

/** What a change does to all machines; the biggest groups first. */
type Diff = {
  readonly from: string | null;
  readonly to: string;
  readonly groups: readonly Group[];
  readonly unchanged: number;
};

/** Machines of a group that are named before the rest is counted. */
const NAMED_MACHINES = 12;

/** `pxedge profile diff …` and `pxedge template diff …`. */
export function addDiffCommand(
  group: Command,
  kind: "profile" | "template",
  /** The member of the request's body that a file becomes. */
  candidateOf: (file: string) => object,
): void {
  operatorCommand(
    group,
    "diff <name> <file-or-revision> [file-or-revision]",
    "show what machines would be served otherwise, before it is put; exit 1 where it would not render",
    [
      `${kind} diff debian-12 debian-12.${kind === "profile" ? "yaml" : "mustache"}`,
      `${kind} diff debian-12 3f2a9c41 51c2f08e --json`,
    ],
  ).action(
    withSession<[string, string, string?]>(async (session, [name, first, second]) => {
      const path = `/${kind}s/${segment(name)}`;
      const [from, to] = second === undefined ? [undefined, first] : [first, second];
      const body = {
        ...(from !== undefined && { from: await requireRevision(session.api, path, from) }),
        ...(isFile(to) ? candidateOf(to) : { to: await requireRevision(session.api, path, to) }),
      };
      const diff = await readDiff(session.api, `${path}/diff`, body);
      session.show(diff, () => formatDiff(`${kind} ${name}`, diff));
      if (diff.groups.some(({ side }) => side === "to")) process.exitCode = 1;
    }),
  );
}

function isFile(argument: string): boolean {
  return argument === "-" || existsSync(argument);
}

/** A revision by as much of it as names one. @throws UsageError */
async function requireRevision(api: ApiClient, path: string, text: string): Promise<string> {
  if (!/^[0-9a-f]{4,32}$/.test(text)) throw new UsageError(`${text} is neither a file nor a revision`);
  const found = (await api.list(`${path}/revisions`))
    .map(({ revision }) => revision as string)
    .filter((revision) => revision.startsWith(text));
  if (found.length === 1) return found[0]!;
  const what = found.length === 0 ? "is no revision of it" : `begins ${found.length} revisions`;
  throw new UsageError(`${text} ${what}: see \`revisions\``);
}

/** All pages, grouped by what they say of a machine. */
async function readDiff(api: ApiClient, path: string, body: object): Promise<Diff> {
  const groups = new Map<string, Group>();
  let unchanged = 0;
  for (let after = ""; ;) {
    const page = await api.request("POST", `${path}?limit=200&after=${encodeURIComponent(after)}`, body);
    for (const { site, machine, profile, kind, change } of page.items as Json[]) {
      if (kind === "unchanged") {
        unchanged += 1;
        continue;
      }
      let group = groups.get(change);
      if (group === undefined) groups.set(change, (group = { ...page.changes[change], machines: [] }));
      group!.machines.push({ site, name: machine.name, profile });
    }
    if (page.next === null) {
      const sorted = [...groups.values()].toSorted((a, b) => b.machines.length - a.machines.length);
      return { from: page.from, to: page.to, groups: sorted, unchanged };
    }
    after = page.next;
  }
}

function formatDiff(what: string, { from, to, groups, unchanged }: Diff): string {
  const short = (revision: string | null) => revision?.slice(0, 8) ?? "nothing";
  const lines = [colour("bold", `${what}: ${short(from)} -> ${short(to)}`)];
  for (const group of groups) {
    lines.push("", colour("bold", titleOf(group)), `  ${namesOf(group)}`);
    for (const { field, message } of group.errors ?? []) {
      lines.push(colour("red", printable(`${field}: ${message}`)));
    }
    for (const patch of Object.values(group.files ?? {})) {
      lines.push(...patch.trimEnd().split("\n").map(formatPatchLine));
    }
  }
  if (groups.length > 0) lines.push("");
  if (unchanged === 0 && groups.length === 0) lines.push("no machine boots it");
  else lines.push(`${countMachines(unchanged)}: no difference`);
  return `${lines.join("\n")}\n`;
}

function titleOf({ kind, side, machines }: Group): string {
  const count = countMachines(machines.length);
  if (kind === "changed") return `${count}: ${machines.length === 1 ? "changed" : "same change"}`;
  return side === "to" ? `${count}: would not render` : `${count}: did not render before, and would now`;
}

function namesOf({ machines }: Group): string {
  const named = machines.slice(0, NAMED_MACHINES).map(({ site, name }) => `${site}/${name}`);
  const more = machines.length - named.length;
  return printable(named.join(" ")) + (more > 0 ? ` and ${more} more` : "");
}

function countMachines(count: number): string {
  return count === 1 ? "1 machine" : `${count} machines`;
}

function formatPatchLine(text: string): string {
  const line = text.split("\t").map(printable).join("\t");
  if (line.startsWith("---") || line.startsWith("+++")) return colour("bold", line);
  if (line.startsWith("+")) return colour("green", line);
  if (line.startsWith("-")) return colour("red", line);
  return line.startsWith("@@") || line.startsWith("\\") ? colour("dim", line) : line;
}
