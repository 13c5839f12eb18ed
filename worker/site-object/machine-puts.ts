import { parseMac } from "../../core/addresses.ts";
import { mintId } from "../credentials.ts";
import { mergePatch } from "../merge-patch.ts";
import { checkPrecondition, type Precondition } from "../precondition.ts";
import { fail, ok, type FieldError, type Result } from "../problem.ts";
import { canonicalJson } from "../revisions.ts";
import { machineSchema, type MachineInput } from "../schemas/machine.ts";
import { nameSchema } from "../schemas/values.ts";
import { validate } from "../validate.ts";
import {
  findByMac,
  findMachine,
  findTaggedMachine,
  noMachine,
  type SiteMachine,
  type TaggedMachine,
} from "./machines.ts";
import { noteProfilesChanged } from "./profile-sync.ts";

/** What a put makes of a machine; nothing is written yet. */
export type PlannedPut = {
  readonly machine: SiteMachine;
  /** As it is now; `null`: the machine is new. */
  readonly before: TaggedMachine | null;
  readonly changed: boolean;
};

/**
 * The machine that a put of `key` makes: a new one is called `key`; where that is
 * a MAC, it is also its address. The same document changes nothing.
 */
export function planPut(
  sql: SqlStorage,
  key: string,
  input: MachineInput,
  precondition: Precondition,
): Result<PlannedPut> {
  const before = findTaggedMachine(sql, key);
  const allowed = checkPrecondition(precondition, before?.etag ?? null);
  if (!allowed.ok) return allowed;
  const existing = before?.machine;
  const keyMac = parseMac(key);
  const machine: SiteMachine = {
    ...input,
    id: existing?.id ?? mintId(),
    name: input.name ?? existing?.name ?? keyMac?.replaceAll(":", "-") ?? key,
    macs: [...new Set(input.macs ?? existing?.macs ?? (keyMac === undefined ? [] : [keyMac]))],
  };
  if (existing !== undefined && canonicalJson(existing) === canonicalJson(machine)) {
    return ok({ machine: existing, before, changed: false });
  }
  const name = nameSchema.safeParse(machine.name);
  if (!name.success) {
    const message = name.error.issues.map((issue) => issue.message).join("; ");
    return fail("invalid", `"${machine.name}" is no name: ${message}`, [{ field: "name", message }]);
  }
  if (machine.macs.length === 0 && machine.uuid === undefined && machine.serial === undefined) {
    return fail("invalid", "the machine could never be recognised", [
      { field: "macs", message: "give at least one MAC, or a uuid or serial" },
    ]);
  }
  return ok({ machine, before, changed: true });
}

/**
 * Gives up what tells a machine from others, before it is stored anew: others may
 * take it over in the same transaction.
 */
export function releaseMachine(sql: SqlStorage, { id }: SiteMachine): void {
  // No machine can be called so.
  sql.exec("UPDATE machines SET name = ' ' || id, address = NULL WHERE id = ?", id);
  sql.exec("DELETE FROM machine_macs WHERE machine_id = ?", id);
}

/**
 * Stores a planned machine, unless another one has its name, its address or a MAC.
 *
 * @param revision the site's state revision that this change makes
 */
export function storePut(
  sql: SqlStorage,
  { machine, before }: PlannedPut,
  revision: number,
): Result<TaggedMachine> {
  const errors = findTaken(sql, machine);
  if (errors.length > 0) {
    return fail("conflict", errors.map(({ message }) => `"${machine.name}": ${message}`).join("; "), errors);
  }
  sql.exec(
    `INSERT OR REPLACE INTO machines (id, name, address, profile, document, revision, tag)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)`,
    machine.id,
    machine.name,
    machine.address ?? null,
    machine.profile ?? null,
    JSON.stringify(machine),
    revision,
  );
  if (before !== null) sql.exec("DELETE FROM machine_macs WHERE machine_id = ?", machine.id);
  for (const mac of machine.macs) {
    sql.exec("INSERT INTO machine_macs (mac, machine_id) VALUES (?, ?)", mac, machine.id);
    sql.exec("DELETE FROM discovered WHERE mac = ?", mac);
  }
  if (before?.machine.profile !== machine.profile) noteProfilesChanged(sql);
  return ok({ machine, etag: `${machine.id}-${revision}` });
}

function findTaken(sql: SqlStorage, machine: SiteMachine): FieldError[] {
  const errors: FieldError[] = [];
  const namesake = findMachine(sql, machine.name);
  if (namesake !== null && namesake.id !== machine.id) {
    errors.push({ field: "name", message: `"${machine.name}" names machine ${namesake.id} already` });
  }
  for (const [i, mac] of machine.macs.entries()) {
    const owner = findByMac(sql, mac);
    if (owner === null || owner.id === machine.id) continue;
    errors.push({ field: `macs[${i}]`, message: `${mac} belongs to "${owner.name}"` });
  }
  const holder = machine.address === undefined ? null : addressHolder(sql, machine.address);
  if (holder !== null && holder.id !== machine.id) {
    errors.push({ field: "address", message: `${machine.address} is reserved for "${holder.name}"` });
  }
  return errors;
}

function addressHolder(sql: SqlStorage, address: string): { id: string; name: string } | null {
  const rows = sql.exec<{ id: string; name: string }>(
    "SELECT id, name FROM machines WHERE address = ?",
    address,
  );
  return rows.toArray()[0] ?? null;
}

/** Creates or replaces the machine that `key` names, see `planPut` and `storePut`. */
export function putMachine(
  sql: SqlStorage,
  key: string,
  input: MachineInput,
  { revision, precondition }: { revision: number; precondition: Precondition },
): Result<TaggedMachine & { created: boolean; changed: boolean }> {
  const planned = planPut(sql, key, input, precondition);
  if (!planned.ok) return planned;
  const { before, changed } = planned.value;
  if (before !== null && !changed) return ok({ ...before, created: false, changed });
  const stored = storePut(sql, planned.value, revision);
  return stored.ok ? ok({ ...stored.value, created: before === null, changed }) : stored;
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
