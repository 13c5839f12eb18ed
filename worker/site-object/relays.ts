import { formatSiteCredential, type NewCredential, type SiteCredential } from "../credentials.ts";
import { fail, ok, type Result } from "../problem.ts";
import { siteIdentity } from "./meta.ts";

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

/** Makes a one-use join token. */
export function createJoinToken(
  sql: SqlStorage,
  { id, secret, secretHash }: NewCredential,
  now: number,
): { token: string; expiresAt: string } {
  const expiresAt = now + JOIN_TOKEN_LIFETIME_MS;
  sql.exec("DELETE FROM join_tokens WHERE expires_at <= ?", now);
  sql.exec(
    "INSERT INTO join_tokens (id, secret_hash, expires_at) VALUES (?, ?, ?)",
    id,
    secretHash,
    expiresAt,
  );
  return {
    token: formatSiteCredential("pxj", siteIdentity(sql).id, id, secret),
    expiresAt: new Date(expiresAt).toISOString(),
  };
}

/** What a relay is told once, when it joins. */
export type JoinedRelay = {
  readonly siteId: string;
  readonly siteName: string;
  readonly relayId: string;
  readonly credential: string;
};

/** Uses a join token up and adds the relay. */
export function joinRelay(
  sql: SqlStorage,
  token: SiteCredential,
  relay: NewCredential,
  now: number,
): Result<JoinedRelay> {
  const used = sql.exec(
    "DELETE FROM join_tokens WHERE id = ? AND secret_hash = ? AND expires_at > ?",
    token.id,
    token.secretHash,
    now,
  );
  if (used.rowsWritten === 0) {
    return fail("unauthorized", "the join token is unknown, used or expired; make a new one");
  }
  sql.exec(
    "INSERT INTO relays (id, secret_hash, joined_at) VALUES (?, ?, ?)",
    relay.id,
    relay.secretHash,
    now,
  );
  const site = siteIdentity(sql);
  return ok({
    siteId: site.id,
    siteName: site.name,
    relayId: relay.id,
    credential: formatSiteCredential("pxr", site.id, relay.id, relay.secret),
  });
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
  return sql.exec<Row>("SELECT * FROM relays ORDER BY joined_at").toArray().map(toInfo);
}

export function getRelay(sql: SqlStorage, id: string): Result<RelayInfo> {
  const row = sql.exec<Row>("SELECT * FROM relays WHERE id = ?", id).toArray()[0];
  return row === undefined ? fail("not-found", `no relay "${id}" at this site`) : ok(toInfo(row));
}

/** Revokes a relay. */
export function deleteRelay(sql: SqlStorage, id: string): Result<null> {
  const deleted = sql.exec("DELETE FROM relays WHERE id = ?", id).rowsWritten > 0;
  return deleted ? ok(null) : fail("not-found", `no relay "${id}" at this site`);
}

function toInfo({ id, joined_at, last_seen_at }: Row): RelayInfo {
  return {
    id,
    joinedAt: new Date(joined_at).toISOString(),
    lastSeenAt: last_seen_at === null ? null : new Date(last_seen_at).toISOString(),
  };
}
