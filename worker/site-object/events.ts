import type { Mac } from "../../core/addresses.ts";
import type { Attempt } from "../../core/boot/model.ts";
import type { BootEvent, BootEventInput } from "../../core/relay-protocol/events.ts";
import { machineIdOfMac } from "./machines.ts";

/** Events are kept so long, and so many of them, whichever is less. */
const RETENTION_MS = 30 * 86_400_000;
const MAX_EVENTS = 200_000;

/** An event as the API shows it. */
export type StoredEvent = BootEvent & {
  /** Position in the site's log: the cursor of `events?after=`. */
  readonly seq: number;
  readonly machine: string | null;
  /** The relay that reported it; `null`: the control plane itself. */
  readonly relay: string | null;
};

type Row = {
  seq: number;
  id: string;
  at: string;
  mac: string | null;
  machine_id: string | null;
  attempt: string | null;
  relay: string | null;
  stage: string;
  name: string;
  detail: string;
};

/** Appends an event; one that a relay reported already is left alone. */
export function recordEvent(sql: SqlStorage, event: BootEvent, relayId: string | null, now: number): void {
  sql.exec(
    `INSERT INTO events (id, at, received_at, mac, machine_id, attempt, relay, stage, name, detail)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) WHERE relay IS NOT NULL DO NOTHING`,
    event.id,
    event.at,
    now,
    event.mac,
    event.mac === null ? null : machineIdOfMac(sql, event.mac),
    event.attempt ?? null,
    relayId,
    event.stage,
    event.name,
    JSON.stringify(event.detail),
  );
}

/** Appends what the control plane itself did. */
export function recordOwnEvent(sql: SqlStorage, event: BootEventInput, now: number): void {
  recordEvent(sql, { ...event, id: crypto.randomUUID(), at: new Date(now).toISOString() }, null, now);
}

type OwnEvent = {
  [E in BootEventInput as E["stage"]]: Pick<E, "stage" | "name" | "detail">;
}[BootEventInput["stage"]];

/**
 * Appends what happened to one boot: to its attempt where it has one, to the
 * MAC that asked; under the id and time of who heard of it first, if not ours.
 */
export function noteBoot(
  sql: SqlStorage,
  attempt: Attempt | null,
  mac: Mac | null,
  event: OwnEvent,
  now: number,
  heard?: Pick<BootEvent, "id" | "at">,
): void {
  const input = { ...event, mac, ...(attempt !== null && { attempt: attempt.id }) } as BootEventInput;
  if (heard === undefined) recordOwnEvent(sql, input, now);
  else recordEvent(sql, { ...input, ...heard }, null, now);
}

/** Whether there is an event of this id already. */
export function hasEvent(sql: SqlStorage, id: string): boolean {
  return sql.exec("SELECT 1 FROM events WHERE id = ?", id).toArray().length > 0;
}

/** Events after a position, oldest first; of one machine where it is given. */
export function listEvents(
  sql: SqlStorage,
  query: { after: number; limit: number; machineId?: string },
): StoredEvent[] {
  const rows =
    query.machineId === undefined
      ? sql.exec<Row>("SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?", query.after, query.limit)
      : sql.exec<Row>(
          "SELECT * FROM events WHERE machine_id = ? AND seq > ? ORDER BY seq LIMIT ?",
          query.machineId,
          query.after,
          query.limit,
        );
  return rows.toArray().map(toEvent);
}

/** What was decided of a machine last. */
export function lastDecisionOf(sql: SqlStorage, machineId: string): StoredEvent | null {
  const row = sql
    .exec<Row>(
      "SELECT * FROM events WHERE machine_id = ? AND stage = 'decision' ORDER BY seq DESC LIMIT 1",
      machineId,
    )
    .toArray()[0];
  return row === undefined ? null : toEvent(row);
}

/** Drops what is past its retention. */
export function pruneEvents(sql: SqlStorage, now: number): void {
  // Never the newest: the next one takes its number from it, and a cursor must not meet it twice.
  const kept = sql
    .exec<{ seq: number | null }>(
      `SELECT max(
         coalesce((SELECT seq FROM events WHERE received_at >= ? ORDER BY seq LIMIT 1), max(seq)),
         max(seq) - ? + 1
       ) AS seq FROM events`,
      now - RETENTION_MS,
      MAX_EVENTS,
    )
    .one().seq;
  if (kept !== null) sql.exec("DELETE FROM events WHERE seq < ?", kept);
}

function toEvent(row: Row): StoredEvent {
  return {
    seq: row.seq,
    id: row.id,
    at: row.at,
    mac: row.mac,
    machine: row.machine_id,
    relay: row.relay,
    ...(row.attempt !== null && { attempt: row.attempt }),
    stage: row.stage,
    name: row.name,
    detail: JSON.parse(row.detail),
  } as StoredEvent;
}
