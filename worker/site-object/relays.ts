import type { SiteCredential } from "../credentials.ts";

/** A relay of the site, as the API shows it. */
export type RelayInfo = {
  readonly id: string;
  readonly joinedAt: string;
  readonly lastSeenAt: string | null;
};

const JOIN_TOKEN_LIFETIME_MS = 24 * 3_600_000;
/** `last_seen_at` is a row write: not at every request. */
const LAST_SEEN_RESOLUTION_MS = 60_000;

type Row = { id: string; secret_hash: string; joined_at: number; last_seen_at: number | null };

/** Stores a one-use join token's hash; returns when it ends, in milliseconds. */
export function addJoinToken(sql: SqlStorage, id: string, secretHash: string, now: number): number {
  const expiresAt = now + JOIN_TOKEN_LIFETIME_MS;
  sql.exec("DELETE FROM join_tokens WHERE expires_at <= ?", now);
  sql.exec(
    "INSERT INTO join_tokens (id, secret_hash, expires_at) VALUES (?, ?, ?)",
    id,
    secretHash,
    expiresAt,
  );
  return expiresAt;
}

/** Uses a join token up and adds the relay; `false` where the token is unknown, used or expired. */
export function redeemJoinToken(
  sql: SqlStorage,
  token: SiteCredential,
  relay: { id: string; secretHash: string },
  now: number,
): boolean {
  const used = sql.exec(
    "DELETE FROM join_tokens WHERE id = ? AND secret_hash = ? AND expires_at > ?",
    token.id,
    token.secretHash,
    now,
  );
  if (used.rowsWritten === 0) return false;
  sql.exec(
    "INSERT INTO relays (id, secret_hash, joined_at) VALUES (?, ?, ?)",
    relay.id,
    relay.secretHash,
    now,
  );
  return true;
}

/** Whether a relay's credential is good; a deleted relay's is not, from then on. */
export function authorizeRelay(sql: SqlStorage, credential: SiteCredential, now: number): boolean {
  // Both sides are SHA-256 of a random secret: how long the comparison takes tells nothing about the secret.
  const row = sql.exec<Row>("SELECT * FROM relays WHERE id = ?", credential.id).toArray()[0];
  if (row === undefined || row.secret_hash !== credential.secretHash) return false;
  if (now - (row.last_seen_at ?? 0) > LAST_SEEN_RESOLUTION_MS) {
    sql.exec("UPDATE relays SET last_seen_at = ? WHERE id = ?", now, row.id);
  }
  return true;
}

export function listRelays(sql: SqlStorage): RelayInfo[] {
  return sql
    .exec<Row>("SELECT * FROM relays ORDER BY joined_at")
    .toArray()
    .map((row) => ({
      id: row.id,
      joinedAt: new Date(row.joined_at).toISOString(),
      lastSeenAt: row.last_seen_at === null ? null : new Date(row.last_seen_at).toISOString(),
    }));
}

/** Revokes a relay; `false` where there is none. */
export function deleteRelay(sql: SqlStorage, id: string): boolean {
  return sql.exec("DELETE FROM relays WHERE id = ?", id).rowsWritten > 0;
}
