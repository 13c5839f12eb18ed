import { canonicalJson, hashContent } from "../revisions.ts";
import type { Pinned } from "./pinned.ts";

/** What an order pins, and the hash that it is kept under. */
export type HashedPins = { readonly pinned: Pinned; readonly hash: string };

/** Hashes what an order pins: a thousand machines armed alike hold one copy. */
export async function hashPins(pinned: Pinned): Promise<HashedPins> {
  return { pinned, hash: await hashContent(canonicalJson(pinned)) };
}

/** Stores pins unless they are there already. */
export function storePins(sql: SqlStorage, { pinned, hash }: HashedPins): void {
  sql.exec("INSERT OR IGNORE INTO pins (hash, document) VALUES (?, ?)", hash, JSON.stringify(pinned));
}

/** What active attempts hold, each once. */
export function activePins(sql: SqlStorage): Pinned[] {
  return pinsIn(sql, "SELECT pin FROM attempts WHERE active = 1");
}

/** What machines have booted into memory, each once. */
export function livePins(sql: SqlStorage): Pinned[] {
  return pinsIn(sql, "SELECT pin FROM live_boots");
}

function pinsIn(sql: SqlStorage, hashes: string): Pinned[] {
  return sql
    .exec<{ document: string }>(`SELECT document FROM pins WHERE hash IN (${hashes})`)
    .toArray()
    .map((row) => JSON.parse(row.document) as Pinned);
}

/**
 * Drops what nothing can boot any more: no active attempt, none that holds its
 * machine, and no boot into memory. The encrypted secrets of past orders go with it.
 */
export function collectPins(sql: SqlStorage): void {
  sql.exec(
    `DELETE FROM pins WHERE hash NOT IN (SELECT pin FROM attempts WHERE active = 1)
     AND hash NOT IN (SELECT pin FROM attempts WHERE held = 1) AND hash NOT IN (SELECT pin FROM live_boots)`,
  );
}
