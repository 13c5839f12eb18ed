import { parseMac } from "../../core/addresses.ts";
import { ApiError, type ApiClient, type Json } from "../api-client.ts";
import { compareDocuments, type Change } from "./changes.ts";
import type { FaultFinder } from "./faults.ts";
import type { FleetDocument } from "./fleet.ts";

/** What a site's batch takes; some of its bytes are left for what is deleted, and for tags. */
const MAX_MACHINES = 20_000;
const MAX_BATCH_BYTES = 14 << 20;

/** A machine as a batch puts it; `ifMatch`: the tag that was seen, `null`: there was none. */
type MachinePut = { readonly id: string; readonly ifMatch: string | null } & Readonly<
  Record<string, unknown>
>;

/** What becomes of a site and its machines. */
export type SitePlan = {
  readonly name: string;
  /** Absent where they are as they should be. `before`: `null` of a site that is to be made. */
  readonly settings?: {
    readonly after: object;
    readonly before: { readonly document: object; readonly etag: string } | null;
  };
  readonly put: readonly MachinePut[];
  readonly delete: readonly { readonly id: string; readonly ifMatch: string }[];
  readonly changes: readonly Change[];
  readonly unchanged: number;
};

/**
 * Asks what a site's files would change.
 *
 * @param settings absent: they stay as they are
 * @param machines absent: no file is about them, so none is pruned
 */
export async function planSite(
  api: ApiClient,
  work: {
    readonly name: string;
    readonly settings: FleetDocument | undefined;
    readonly machines: readonly FleetDocument[] | undefined;
    readonly prune: boolean;
    readonly faults: FaultFinder;
  },
): Promise<SitePlan> {
  const { name, settings, machines, prune, faults } = work;
  const path = `/sites/${encodeURIComponent(name)}`;
  const site = settings && (await planSettings(api, path, settings, faults));
  const nothing = { put: [], delete: [], changes: [] as Change[], unchanged: 0 };
  const ofMachines =
    machines === undefined ? nothing : await planMachines(api, { path, site: name, machines, prune, faults });
  const same = settings !== undefined && site === undefined ? 1 : 0;
  return {
    name,
    ...ofMachines,
    ...(site && { settings: site.settings }),
    changes: [...(site ? [site.change] : []), ...ofMachines.changes],
    unchanged: ofMachines.unchanged + same,
  };
}

async function planSettings(api: ApiClient, path: string, source: FleetDocument, faults: FaultFinder) {
  const present = await api.read(path);
  const after: Json = await faults.check(
    [{ kind: "site", source }],
    async () => await api.request("PUT", `${path}?dryRun=true`, source.document),
    (field) => ({ index: 0, field }),
  );
  if (after === null) return undefined;
  const { id: _, ...document } = after;
  const { id: _id, ...before } = present?.document ?? {};
  const fields = compareDocuments(present === null ? undefined : before, document);
  if (fields.length === 0) return undefined;
  const change: Change = {
    action: present === null ? "create" : "change",
    kind: "site",
    name: source.name,
    fields,
  };
  const seen = present && { document: before, etag: present.etag };
  return { settings: { after: source.document, before: seen }, change };
}

async function planMachines(
  api: ApiClient,
  work: {
    readonly path: string;
    readonly site: string;
    readonly machines: readonly FleetDocument[];
    readonly prune: boolean;
    readonly faults: FaultFinder;
  },
) {
  const { path, site, machines, prune, faults } = work;
  const nothing = { put: [], delete: [], changes: [], unchanged: 0 };
  const refuse = (index: number, message: string) => {
    faults.add({ ...machines[index]!.locate("name"), field: "", message });
    return nothing;
  };
  if (machines.length > MAX_MACHINES) {
    return refuse(
      MAX_MACHINES,
      `is machine ${MAX_MACHINES + 1} of site ${site}, which holds ${MAX_MACHINES}`,
    );
  }
  const members = machines.map((source) => ({ kind: "machine", source }));
  const toPut = ({ source: { name, document } }: (typeof members)[number]) => ({ id: name, ...document });
  const deletes = prune ? await findUnnamed(api, path, machines) : [];
  // It would be refused while it is still on its way, and the connection with it.
  if (Buffer.byteLength(JSON.stringify(members.map(toPut))) > MAX_BATCH_BYTES) {
    const advice = "say what they have in common once, in `variables` of the site or of the profile";
    return refuse(0, `the machines of site ${site} are more than can be changed at once: ${advice}`);
  }
  const outcome: Json = await faults.check(
    members,
    async (some) => {
      const batch = { put: some.map(toPut), delete: deletes, dryRun: true };
      return await api.request("POST", `${path}/machines:batch`, batch);
    },
    (field) => {
      const match = /^put\[(\d+)\]\.?(.*)$/.exec(field);
      return match && { index: Number(match[1]), field: match[2] === "id" ? "name" : match[2]! };
    },
  );
  if (outcome === null) return nothing;
  const changes = (outcome.changes as Json[]).map((change): Change => {
    const machine = change.outcome === "deleted" ? change.before : outcome.items[change.put];
    const { id: _, ...after } = machine;
    const { id: _id, ...before } = change.before ?? {};
    const action = ({ created: "create", changed: "change", deleted: "delete" } as const)[
      change.outcome as "created" | "changed" | "deleted"
    ];
    const fields =
      action === "delete" ? [] : compareDocuments(action === "create" ? undefined : before, after);
    return { action, kind: "machine", name: machine.name, site, fields };
  });
  const puts = (outcome.changes as Json[]).flatMap((change): MachinePut[] =>
    change.outcome === "deleted" ? [] : [{ ...toPut(members[change.put]!), ifMatch: change.etag ?? null }],
  );
  const gone = (outcome.changes as Json[]).flatMap((change) =>
    change.outcome === "deleted" ? [{ id: change.before.id as string, ifMatch: change.etag as string }] : [],
  );
  return { put: puts, delete: gone, changes, unchanged: machines.length - puts.length };
}

/** Machines of a site that its files do not name. */
async function findUnnamed(
  api: ApiClient,
  path: string,
  machines: readonly FleetDocument[],
): Promise<string[]> {
  const names = new Set(machines.map(({ name }) => name));
  const macs = new Set(machines.flatMap(({ name }) => parseMac(name) ?? []));
  let present: Json[];
  try {
    present = await api.list(`${path}/machines`);
  } catch (error) {
    // The site is yet to be made.
    if (error instanceof ApiError && error.problem === "not-found") return [];
    throw error;
  }
  return present
    .filter(
      ({ id, name, macs: own }) =>
        !names.has(id) && !names.has(name) && !(own as string[]).some((mac) => macs.has(mac)),
    )
    .map(({ id }) => id as string);
}
