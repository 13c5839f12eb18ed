import type { CapabilityOrigin } from "./attempts.ts";
import type { Pinned } from "./pinned.ts";

/** How long a live boot's answers and image URLs are good, unless the machine boots again before. */
export const LIVE_BOOT_MS = 24 * 3_600_000;

/** A boot of a system that lives in memory: what its capability opens. */
export type LiveBoot = CapabilityOrigin & {
  readonly machineId: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
};

type Row = {
  machine_id: string;
  direct: number;
  claimed_mac: string | null;
  attempt_id: string | null;
  document: string;
  expires_at: number;
};

/**
 * Notes a boot; the machine's earlier one is over. Its answers will be of what
 * was booted, whatever is moved meanwhile.
 *
 * @param held hash of the pins; with `attemptId` it is the rescue in that attempt's
 */
export function putLiveBoot(
  sql: SqlStorage,
  secretHash: string,
  boot: LiveBoot,
  held: { readonly pin: string; readonly attemptId: string | null },
): void {
  sql.exec(
    `INSERT OR REPLACE INTO live_boots
     (machine_id, secret_hash, direct, claimed_mac, attempt_id, pin, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    boot.machineId,
    secretHash,
    boot.direct ? 1 : 0,
    boot.claimedMac,
    held.attemptId,
    held.pin,
    boot.expiresAt,
  );
}

/** The boot that a capability opens. */
export function findLiveBoot(
  sql: SqlStorage,
  secretHash: string,
  now: number,
): { readonly boot: LiveBoot; readonly pinned: Pinned } | null {
  const row = sql
    .exec<Row>(
      `SELECT b.*, p.document FROM live_boots b JOIN pins p ON p.hash = b.pin
       WHERE b.secret_hash = ? AND b.expires_at > ?`,
      secretHash,
      now,
    )
    .toArray()[0];
  if (row === undefined) return null;
  const pinned = JSON.parse(row.document) as Pinned;
  const booted = row.attempt_id === null ? pinned : pinned.rescue;
  if (booted === undefined) return null;
  const boot = {
    machineId: row.machine_id,
    direct: row.direct === 1,
    claimedMac: row.claimed_mac,
    expiresAt: row.expires_at,
  };
  return { boot, pinned: booted };
}

/** Forgets boots whose time is over. */
export function pruneLiveBoots(sql: SqlStorage, now: number): void {
  sql.exec("DELETE FROM live_boots WHERE expires_at <= ?", now);
}
