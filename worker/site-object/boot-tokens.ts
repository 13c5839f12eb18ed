import { formatSiteCredential, type NewCredential, type SiteCredential } from "../credentials.ts";
import { fail, ok, type Result } from "../problem.ts";
import { siteIdentity } from "./meta.ts";

/** A boot token, as the API shows it: never the token itself. */
export type BootTokenInfo = {
  readonly id: string;
  readonly description: string;
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
};

/** `last_used_at` is a row write: not at every request. */
const LAST_USED_RESOLUTION_MS = 60_000;

type Row = {
  id: string;
  secret_hash: string;
  description: string;
  created_at: number;
  last_used_at: number | null;
};

/** Makes a boot token. It lives until it is deleted: it may stand in firmware settings. */
export function createBootToken(
  sql: SqlStorage,
  { id, secret, secretHash }: NewCredential,
  description: string,
  now: number,
): BootTokenInfo & { token: string } {
  sql.exec(
    "INSERT INTO boot_tokens (id, secret_hash, description, created_at) VALUES (?, ?, ?, ?)",
    id,
    secretHash,
    description,
    now,
  );
  return {
    id,
    description,
    createdAt: new Date(now).toISOString(),
    lastUsedAt: null,
    token: formatSiteCredential("pxb", siteIdentity(sql).id, id, secret),
  };
}

/** Whether a boot token is good; a deleted one is not, from then on. */
export function authorizeBootToken(sql: SqlStorage, token: SiteCredential, now: number): boolean {
  // Both sides are SHA-256 of a random secret: how long the comparison takes tells nothing about the secret.
  const row = sql.exec<Row>("SELECT * FROM boot_tokens WHERE id = ?", token.id).toArray()[0];
  if (row === undefined || row.secret_hash !== token.secretHash) return false;
  if (now - (row.last_used_at ?? 0) > LAST_USED_RESOLUTION_MS) {
    sql.exec("UPDATE boot_tokens SET last_used_at = ? WHERE id = ?", now, row.id);
  }
  return true;
}

export function listBootTokens(sql: SqlStorage): BootTokenInfo[] {
  return sql
    .exec<Row>("SELECT * FROM boot_tokens ORDER BY created_at, id")
    .toArray()
    .map((row) => ({
      id: row.id,
      description: row.description,
      createdAt: new Date(row.created_at).toISOString(),
      lastUsedAt: row.last_used_at === null ? null : new Date(row.last_used_at).toISOString(),
    }));
}

/** Revokes a boot token. */
export function deleteBootToken(sql: SqlStorage, id: string): Result<null> {
  const deleted = sql.exec("DELETE FROM boot_tokens WHERE id = ?", id).rowsWritten > 0;
  return deleted ? ok(null) : fail("not-found", `no boot token "${id}" at this site`);
}
