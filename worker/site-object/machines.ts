import { parseMac, type Mac } from "../../core/addresses.ts";
import type { Machine } from "../../core/boot/model.ts";
import type { BootFiles } from "../../core/relay-protocol/state.ts";
import { mintId } from "../credentials.ts";
import { mergePatch } from "../merge-patch.ts";
import { checkPrecondition, type Precondition } from "../precondition.ts";
import { fail, ok, type Result } from "../problem.ts";
import { canonicalJson } from "../revisions.ts";
import { machineSchema, type MachineInput } from "../schemas/machine.ts";
import { validate } from "../validate.ts";
import { noteProfilesChanged } from "./profile-sync.ts";

/** A machine as the site stores it. */
export type SiteMachine = Machine & {
  readonly bootFiles?: BootFiles;
  readonly labels?: Readonly<Record<string, string>>;
  /** Arming it needs a confirmation. */
  readonly protected?: boolean;
};

/** A machine and the tag that changes whenever it does. */
export type TaggedMachine = { readonly machine: SiteMachine; readonly etag: string };

/** A page of machines: those that have all labels and that hold `q` in a name, address, serial, UUID or MAC. */
export type MachineQuery = {
  readonly after: string;
  readonly limit: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly q?: string;
};

type Row = { document: string };

/** The machine's id, by one of its MACs. */
export function machineIdOfMac(sql: SqlStorage, mac: Mac): string | null {
  const row = sql
    .exec<{ machine_id: string }>("SELECT machine_id FROM machine_macs WHERE mac = ?", mac)
    .toArray()[0];
  return row?.machine_id ?? null;
}

export function findByMac(sql: SqlStorage, mac: Mac): SiteMachine | null {
  const id = machineIdOfMac(sql, mac);
  return id === null ? null : findById(sql, id);
}

/** A machine by its name, its id or any of its MACs in any notation. */
export function findMachine(sql: SqlStorage, key: string): SiteMachine | null {
  const row = sql.exec<Row>("SELECT document FROM machines WHERE name = ?", key).toArray()[0];
  if (row !== undefined) return toMachine(row);
  const mac = parseMac(key);
  return (mac === undefined ? null : findByMac(sql, mac)) ?? findById(sql, key);
}

/** The machine's present tag. */
export function tagMachine(sql: SqlStorage, machine: SiteMachine): TaggedMachine {
  const { revision } = sql
    .exec<{ revision: number }>("SELECT revision FROM machines WHERE id = ?", machine.id)
    .one();
  return { machine, etag: `${machine.id}-${revision}` };
}

/** Machines in the order of their names, after one. */
export function listMachines(sql: SqlStorage, query: MachineQuery): SiteMachine[] {
  const labels = Object.entries(query.labels ?? {});
  const hasLabel = " AND json_extract(document, ?) = ?".repeat(labels.length);
  const q = query.q?.toLowerCase() ?? "";
  const holds = `(instr(name, ?1) OR instr(ifnull(address, ''), ?1)
    OR instr(lower(ifnull(json_extract(document, '$.serial'), '')), ?1)
    OR instr(ifnull(json_extract(document, '$.uuid'), ''), ?1)
    OR EXISTS (SELECT 1 FROM machine_macs WHERE machine_id = machines.id AND instr(mac, ?2)))`;
  return sql
    .exec<Row>(
      `SELECT document FROM machines WHERE ${holds} AND name > ?3${hasLabel} ORDER BY name LIMIT ?`,
      q,
      q.replaceAll("-", ":"),
      query.after,
      ...labels.flatMap(([key, value]) => [`$.labels."${key}"`, value]),
      query.limit,
    )
    .toArray()
    .map(toMachine);
}

export function countMachines(sql: SqlStorage): number {
  return sql.exec<{ n: number }>("SELECT count(*) AS n FROM machines").one().n;
}

/** Machines that changed after a state revision, and the ids of those that went. */
export function machinesSince(
  sql: SqlStorage,
  revision: number,
): { changed: SiteMachine[]; removed: string[] } {
  return {
    changed: sql
      .exec<Row>("SELECT document FROM machines WHERE revision > ? ORDER BY revision", revision)
      .toArray()
      .map(toMachine),
    removed: sql
      .exec<{ id: string }>("SELECT id FROM removed_machines WHERE revision > ?", revision)
      .toArray()
      .map((row) => row.id),
  };
}

/**
 * Creates or replaces the machine that `key` names. A new one is called `key`;
 * where that is a MAC, it is also its address. The same document changes nothing.
 *
 * @param revision the site's state revision that this change makes
 */
export function putMachine(
  sql: SqlStorage,
  key: string,
  input: MachineInput,
  { revision, precondition }: { revision: number; precondition: Precondition },
): Result<TaggedMachine & { created: boolean; changed: boolean }> {
  const existing = findMachine(sql, key);
  const present = existing === null ? null : tagMachine(sql, existing);
  const allowed = checkPrecondition(precondition, present?.etag ?? null);
  if (!allowed.ok) return allowed;
  const keyMac = parseMac(key);
  const machine: SiteMachine = {
    ...input,
    id: existing?.id ?? mintId(),
    name: input.name ?? existing?.name ?? keyMac?.replaceAll(":", "-") ?? key,
    macs: [...new Set(input.macs ?? existing?.macs ?? (keyMac === undefined ? [] : [keyMac]))],
  };
  if (present !== null && canonicalJson(present.machine) === canonicalJson(machine)) {
    return ok({ ...present, created: false, changed: false });
  }
  if (machine.macs.length === 0 && machine.uuid === undefined && machine.serial === undefined) {
    return fail("invalid", "the machine could never be recognised", [
      { field: "macs", message: "give at least one MAC, or a uuid or serial" },
    ]);
  }

  const namesake = findMachine(sql, machine.name);
  if (namesake !== null && namesake.id !== machine.id) {
    return fail("conflict", `"${machine.name}" names another machine`, [
      { field: "name", message: `taken by machine ${namesake.id}` },
    ]);
  }
  for (const [i, mac] of machine.macs.entries()) {
    const owner = findByMac(sql, mac);
    if (owner !== null && owner.id !== machine.id) {
      return fail("conflict", `${mac} belongs to "${owner.name}"`, [
        { field: `macs[${i}]`, message: `belongs to "${owner.name}"` },
      ]);
    }
  }
  if (machine.address !== undefined) {
    const holder = addressHolder(sql, machine.address);
    if (holder !== null && holder.id !== machine.id) {
      return fail("conflict", `${machine.address} is reserved for "${holder.name}"`, [
        { field: "address", message: `reserved for "${holder.name}"` },
      ]);
    }
  }

  sql.exec(
    "INSERT OR REPLACE INTO machines (id, name, address, profile, document, revision) VALUES (?, ?, ?, ?, ?, ?)",
    machine.id,
    machine.name,
    machine.address ?? null,
    machine.profile ?? null,
    JSON.stringify(machine),
    revision,
  );
  sql.exec("DELETE FROM machine_macs WHERE machine_id = ?", machine.id);
  for (const mac of machine.macs) {
    sql.exec("INSERT INTO machine_macs (mac, machine_id) VALUES (?, ?)", mac, machine.id);
  }
  sql.exec(
    "DELETE FROM discovered WHERE mac IN (SELECT mac FROM machine_macs WHERE machine_id = ?)",
    machine.id,
  );
  if (existing?.profile !== machine.profile) noteProfilesChanged(sql);
  return ok({ ...tagMachine(sql, machine), created: existing === null, changed: true });
}

/** Applies a merge patch (RFC 7396) to a machine's document. */
export function patchMachine(
  sql: SqlStorage,
  key: string,
  patch: unknown,
  change: { revision: number; precondition: Precondition },
): Result<TaggedMachine & { created: boolean; changed: boolean }> {
  const existing = findMachine(sql, key);
  if (existing === null) return noMachine(key);
  const { id, ...document } = existing;
  const input = validate(machineSchema, mergePatch(document, patch));
  if (!input.ok) return input;
  // A PUT without MACs keeps those there are; a patch that takes them away means it.
  return putMachine(sql, id, { ...input.value, macs: input.value.macs ?? [] }, change);
}

export function noMachine(key: string): Result<never> {
  return fail("not-found", `no machine "${key}" at this site`);
}

/** Removes a machine; its attempts and events stay. */
export function deleteMachine(sql: SqlStorage, id: string, revision: number): void {
  sql.exec("DELETE FROM machines WHERE id = ?", id);
  for (const table of ["machine_macs", "live_boots", "menus"]) {
    sql.exec(`DELETE FROM ${table} WHERE machine_id = ?`, id);
  }
  // Nobody can act upon its last failure any more.
  sql.exec("UPDATE attempts SET held = 0 WHERE machine_id = ? AND held = 1", id);
  noteProfilesChanged(sql);
  sql.exec("INSERT INTO removed_machines (id, revision) VALUES (?, ?)", id, revision);
}

/** Lets relays hear of the machines of a profile again; `null`: of those without one of their own. */
export function touchMachinesOf(sql: SqlStorage, profile: string | null, revision: number): void {
  sql.exec("UPDATE machines SET revision = ? WHERE profile IS ?", revision, profile);
}

function findById(sql: SqlStorage, id: string): SiteMachine | null {
  const row = sql.exec<Row>("SELECT document FROM machines WHERE id = ?", id).toArray()[0];
  return row === undefined ? null : toMachine(row);
}

function addressHolder(sql: SqlStorage, address: string): { id: string; name: string } | null {
  const rows = sql.exec<{ id: string; name: string }>(
    "SELECT id, name FROM machines WHERE address = ?",
    address,
  );
  return rows.toArray()[0] ?? null;
}

function toMachine(row: Row): SiteMachine {
  return JSON.parse(row.document) as SiteMachine;
}
