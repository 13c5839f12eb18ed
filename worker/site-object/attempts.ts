import type { Mac } from "../../core/addresses.ts";
import { isActive, isBeforeCommit, nextDeadline } from "../../core/boot/attempt.ts";
import type { Attempt } from "../../core/boot/model.ts";
import type { Pinned } from "./pinned.ts";

type Row = { document: string; pinned: string };

/** Stores a new attempt. A second active one of a machine violates a unique index. */
export function insertAttempt(sql: SqlStorage, attempt: Attempt, pinned: Pinned): void {
  sql.exec(
    "INSERT INTO attempts (id, machine_id, armed_at, active, deadline, document, pinned) VALUES (?, ?, ?, ?, ?, ?, ?)",
    attempt.id,
    attempt.machineId,
    attempt.armedAt,
    isActive(attempt) ? 1 : 0,
    nextDeadline(attempt),
    JSON.stringify(attempt),
    JSON.stringify(pinned),
  );
}

/** Stores what the state machine made of an attempt. */
export function saveAttempt(sql: SqlStorage, attempt: Attempt): void {
  sql.exec(
    "UPDATE attempts SET active = ?, deadline = ?, document = ? WHERE id = ?",
    isActive(attempt) ? 1 : 0,
    nextDeadline(attempt),
    JSON.stringify(attempt),
    attempt.id,
  );
}

function findAttempt(sql: SqlStorage, id: string): { attempt: Attempt; pinned: Pinned } | null {
  return one(sql.exec<Row>("SELECT document, pinned FROM attempts WHERE id = ?", id));
}

export function findActiveAttempt(
  sql: SqlStorage,
  machineId: string,
): { attempt: Attempt; pinned: Pinned } | null {
  return one(
    sql.exec<Row>("SELECT document, pinned FROM attempts WHERE machine_id = ? AND active = 1", machineId),
  );
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

/** What relays may fetch ahead: the pins of every active attempt. */
export function activePins(sql: SqlStorage): Pinned[] {
  return sql
    .exec<{ pinned: string }>("SELECT pinned FROM attempts WHERE active = 1")
    .toArray()
    .map((row) => JSON.parse(row.pinned) as Pinned);
}

/** The next instant at which time changes an attempt, or `null`. */
export function earliestDeadline(sql: SqlStorage): number | null {
  return sql.exec<{ at: number | null }>("SELECT min(deadline) AS at FROM attempts").one().at;
}

/**
 * Makes a capability the attempt's only one.
 *
 * @param claimedMac the MAC that the machine named itself by, where no relay observed one
 */
export function replaceCapability(
  sql: SqlStorage,
  attemptId: string,
  secretHash: string,
  claimedMac: Mac | null,
): void {
  sql.exec("DELETE FROM capabilities WHERE attempt_id = ?", attemptId);
  sql.exec(
    "INSERT INTO capabilities (secret_hash, attempt_id, claimed_mac) VALUES (?, ?, ?)",
    secretHash,
    attemptId,
    claimedMac,
  );
}

/** The MAC that a capability was handed out to on its word; `null` where a relay had observed it. */
export function claimedMacOf(sql: SqlStorage, secretHash: string): Mac | null {
  const row = sql
    .exec<{ claimed_mac: Mac | null }>(
      "SELECT claimed_mac FROM capabilities WHERE secret_hash = ?",
      secretHash,
    )
    .toArray()[0];
  return row?.claimed_mac ?? null;
}

/** The attempt that a capability opens. */
export function findByCapability(
  sql: SqlStorage,
  secretHash: string,
): { attempt: Attempt; pinned: Pinned } | null {
  return one(
    sql.exec<Row>(
      "SELECT a.document, a.pinned FROM capabilities c JOIN attempts a ON a.id = c.attempt_id WHERE c.secret_hash = ?",
      secretHash,
    ),
  );
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

/** The attempts that an earlier order with the same Idempotency-Key made, in its order. */
export function findIdempotent(sql: SqlStorage, key: string): Attempt[] {
  const row = sql
    .exec<{ attempt_id: string }>("SELECT attempt_id FROM idempotency WHERE key = ?", key)
    .toArray()[0];
  return (row?.attempt_id.split(",") ?? []).flatMap((id) => findAttempt(sql, id)?.attempt ?? []);
}

export function noteIdempotent(
  sql: SqlStorage,
  key: string,
  attemptIds: readonly string[],
  now: number,
): void {
  sql.exec("DELETE FROM idempotency WHERE at < ?", now - 7 * 86_400_000);
  sql.exec("INSERT INTO idempotency (key, attempt_id, at) VALUES (?, ?, ?)", key, attemptIds.join(","), now);
}

function one(cursor: SqlStorageCursor<Row>): { attempt: Attempt; pinned: Pinned } | null {
  const row = cursor.toArray()[0];
  if (row === undefined) return null;
  return { attempt: JSON.parse(row.document) as Attempt, pinned: JSON.parse(row.pinned) as Pinned };
}
