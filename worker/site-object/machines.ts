import { parseMac, type Mac } from "../../core/addresses.ts";
import type { Machine } from "../../core/boot/model.ts";
import type { BootFiles } from "../../core/relay-protocol/state.ts";
import { fail, type Result } from "../problem.ts";
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
type TaggedRow = { id: string; document: string; tag: number };

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
  return findTaggedMachine(sql, key)?.machine ?? null;
}

/** As `findMachine`, with the machine's present tag. */
export function findTaggedMachine(sql: SqlStorage, key: string): TaggedMachine | null {
  const row = sql.exec<TaggedRow>("SELECT id, document, tag FROM machines WHERE name = ?", key).toArray()[0];
  if (row !== undefined) return toTagged(row);
  const mac = parseMac(key);
  const id = mac === undefined ? null : machineIdOfMac(sql, mac);
  return findTaggedById(sql, id ?? key);
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

/**
 * Machines in the order of their names, after one, that have one of the profiles
 * as theirs, or none of their own where `orNone`.
 */
export function listMachinesOf(
  sql: SqlStorage,
  profiles: { readonly names: readonly string[]; readonly orNone: boolean },
  page: { readonly after: string; readonly limit: number },
): SiteMachine[] {
  return sql
    .exec<Row>(
      `SELECT document FROM machines
       WHERE (profile IN (SELECT value FROM json_each(?1)) OR (?2 AND profile IS NULL)) AND name > ?3
       ORDER BY name LIMIT ?4`,
      JSON.stringify(profiles.names),
      profiles.orNone ? 1 : 0,
      page.after,
      page.limit,
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
  return findTaggedById(sql, id)?.machine ?? null;
}

function findTaggedById(sql: SqlStorage, id: string): TaggedMachine | null {
  const row = sql.exec<TaggedRow>("SELECT id, document, tag FROM machines WHERE id = ?", id).toArray()[0];
  return row === undefined ? null : toTagged(row);
}

function toMachine(row: Row): SiteMachine {
  return JSON.parse(row.document) as SiteMachine;
}

function toTagged(row: TaggedRow): TaggedMachine {
  return { machine: toMachine(row), etag: `${row.id}-${row.tag}` };
}
