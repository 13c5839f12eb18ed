import type { Mac } from "../../core/addresses.ts";
import { isActive, isBeforeCommit, isHeld, nextDeadline } from "../../core/boot/attempt.ts";
import type { Attempt } from "../../core/boot/model.ts";
import type { Pinned } from "./pinned.ts";
import type { HashedPins } from "./pins.ts";

/** An attempt with what it holds; an attempt that has ended may hold nothing any more. */
export type AttemptWithPins<P extends Pinned | null = Pinned> = {
  readonly attempt: Attempt;
  readonly pinned: P;
};

/**
 * Stores a new attempt. A second active one of a machine violates a unique index.
 *
 * @param pinHash of what it holds, see `storePins`
 */
export function insertAttempt(sql: SqlStorage, attempt: Attempt, pinHash: string): void {
  sql.exec(
    "INSERT INTO attempts (id, machine_id, armed_at, active, deadline, document, pin) VALUES (?, ?, ?, ?, ?, ?, ?)",
    attempt.id,
    attempt.machineId,
    attempt.armedAt,
    isActive(attempt) ? 1 : 0,
    nextDeadline(attempt),
    JSON.stringify(attempt),
    pinHash,
  );
}

/** Stores what the state machine made of an attempt. */
export function saveAttempt(sql: SqlStorage, attempt: Attempt): void {
  sql.exec(
    "UPDATE attempts SET active = ?, held = ?, deadline = ?, document = ? WHERE id = ?",
    isActive(attempt) ? 1 : 0,
    isHeld(attempt) ? 1 : 0,
    nextDeadline(attempt),
    JSON.stringify(attempt),
    attempt.id,
  );
}

/** An attempt by its id. */
export function findAttempt(sql: SqlStorage, id: string): Attempt | null {
  const row = sql.exec<{ document: string }>("SELECT document FROM attempts WHERE id = ?", id).toArray()[0];
  return row === undefined ? null : (JSON.parse(row.document) as Attempt);
}

/** A machine's active attempt; what an active one holds is always there. */
export function findActiveAttempt(sql: SqlStorage, machineId: string): AttemptWithPins | null {
  const row = sql
    .exec<{ document: string; pinned: string }>(
      `SELECT a.document, p.document AS pinned FROM attempts a JOIN pins p ON p.hash = a.pin
       WHERE a.machine_id = ? AND a.active = 1`,
      machineId,
    )
    .toArray()[0];
  if (row === undefined) return null;
  return { attempt: JSON.parse(row.document) as Attempt, pinned: JSON.parse(row.pinned) as Pinned };
}

/** The machine's latest attempt, whatever has become of it: an active one is the latest. */
export function findLatestAttempt(sql: SqlStorage, machineId: string): Attempt | null {
  const row = sql
    .exec<{ document: string }>(
      "SELECT document FROM attempts WHERE machine_id = ? ORDER BY rowid DESC LIMIT 1",
      machineId,
    )
    .toArray()[0];
  return row === undefined ? null : (JSON.parse(row.document) as Attempt);
}

/** What an attempt holds that is active, or holds its machine: what others held may be gone. */
export function pinnedOf(sql: SqlStorage, attemptId: string): HashedPins {
  const { hash, document } = sql
    .exec<{ hash: string; document: string }>(
      "SELECT p.hash, p.document FROM attempts a JOIN pins p ON p.hash = a.pin WHERE a.id = ?",
      attemptId,
    )
    .one();
  return { hash, pinned: JSON.parse(document) as Pinned };
}

/** Newest first; those older than the attempt `after`, where it is given. */
export function listAttempts(
  sql: SqlStorage,
  machineId: string,
  { after, limit }: { after: string; limit: number },
): Attempt[] {
  return sql
    .exec<{ document: string }>(
      `SELECT document FROM attempts
       WHERE machine_id = ?1 AND (?2 = '' OR rowid < (SELECT rowid FROM attempts WHERE id = ?2))
       ORDER BY rowid DESC LIMIT ?3`,
      machineId,
      after,
      limit,
    )
    .toArray()
    .map((row) => JSON.parse(row.document) as Attempt);
}

/** Machines that were armed after an instant. */
export function machinesArmedSince(sql: SqlStorage, since: number): string[] {
  return sql
    .exec<{ machine_id: string }>("SELECT DISTINCT machine_id FROM attempts WHERE armed_at > ?", since)
    .toArray()
    .map((row) => row.machine_id);
}

/** Attempts that time alone has changed. */
export function attemptsDue(sql: SqlStorage, now: number): Attempt[] {
  return sql
    .exec<{ document: string }>("SELECT document FROM attempts WHERE deadline <= ?", now)
    .toArray()
    .map((row) => JSON.parse(row.document) as Attempt);
}

/** The next instant at which time changes an attempt, or `null`. */
export function earliestDeadline(sql: SqlStorage): number | null {
  return sql.exec<{ at: number | null }>("SELECT min(deadline) AS at FROM attempts").one().at;
}

/** How a capability was handed out: answers are served on no other way. */
export type CapabilityOrigin = {
  /** Without a relay. */
  readonly direct: boolean;
  /** The MAC that the machine named itself by, where no relay observed one. */
  readonly claimedMac: Mac | null;
};

/** Makes a capability the attempt's only one. */
export function replaceCapability(
  sql: SqlStorage,
  attemptId: string,
  secretHash: string,
  { direct, claimedMac }: CapabilityOrigin,
): void {
  sql.exec("DELETE FROM capabilities WHERE attempt_id = ?", attemptId);
  sql.exec(
    "INSERT INTO capabilities (secret_hash, attempt_id, claimed_mac, direct) VALUES (?, ?, ?, ?)",
    secretHash,
    attemptId,
    claimedMac,
    direct ? 1 : 0,
  );
}

/** Gives the attempt one more capability, if it does not have it; returns whether it had not. */
export function addCapability(
  sql: SqlStorage,
  attemptId: string,
  secretHash: string,
  { direct, claimedMac }: CapabilityOrigin,
): boolean {
  const { rowsWritten } = sql.exec(
    "INSERT INTO capabilities (secret_hash, attempt_id, claimed_mac, direct) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    secretHash,
    attemptId,
    claimedMac,
    direct ? 1 : 0,
  );
  return rowsWritten > 0;
}

export function dropCapability(sql: SqlStorage, secretHash: string): void {
  sql.exec("DELETE FROM capabilities WHERE secret_hash = ?", secretHash);
}

/** How a capability was handed out; `null` for one that is unknown. */
export function capabilityOrigin(sql: SqlStorage, secretHash: string): CapabilityOrigin | null {
  const row = sql
    .exec<{ claimed_mac: Mac | null; direct: number }>(
      "SELECT claimed_mac, direct FROM capabilities WHERE secret_hash = ?",
      secretHash,
    )
    .toArray()[0];
  return row === undefined ? null : { direct: row.direct === 1, claimedMac: row.claimed_mac };
}

/** The attempt that a capability opens. */
export function findByCapability(sql: SqlStorage, secretHash: string): AttemptWithPins<Pinned | null> | null {
  const row = sql
    .exec<{ document: string; pinned: string | null }>(
      `SELECT a.document, p.document AS pinned
       FROM capabilities c JOIN attempts a ON a.id = c.attempt_id LEFT JOIN pins p ON p.hash = a.pin
       WHERE c.secret_hash = ?`,
      secretHash,
    )
    .toArray()[0];
  if (row === undefined) return null;
  return {
    attempt: JSON.parse(row.document) as Attempt,
    pinned: row.pinned === null ? null : (JSON.parse(row.pinned) as Pinned),
  };
}

/** When a file was first served under the attempt's present install, or `null`. */
export function firstServedAt(sql: SqlStorage, attempt: Attempt, file: string): number | null {
  // What is noted until the next commit is of the install before it, which has failed.
  if (isBeforeCommit(attempt)) return null;
  const row = sql
    .exec<{ at: number }>(
      "SELECT at FROM answers_served WHERE attempt_id = ? AND install = ? AND file = ?",
      attempt.id,
      attempt.installs,
      file,
    )
    .toArray()[0];
  return row?.at ?? null;
}

/** Notes the first serve of a file under the attempt's present install. */
export function noteServed(sql: SqlStorage, attempt: Attempt, file: string, now: number): void {
  sql.exec(
    "INSERT INTO answers_served (attempt_id, install, file, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    attempt.id,
    attempt.installs,
    file,
    now,
  );
}
