import type { Caller, Role } from "../access.ts";

/** An API token as the API shows it: never the token itself. */
export type TokenInfo = {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** Names of the sites it is for; `null`: all. */
  readonly sites: readonly string[] | null;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
};

/** `last_used_at` is a row write: not at every request. */
const LAST_USED_RESOLUTION_MS = 60_000;

type Row = {
  id: string;
  secret_hash: string;
  name: string;
  role: Role;
  /** JSON list of site ids, or `null`. */
  site_ids: string | null;
  created_at: number;
  created_by: string;
  expires_at: number | null;
  last_used_at: number | null;
};

/** Stores a token's hash. */
export function addToken(
  sql: SqlStorage,
  token: {
    id: string;
    secretHash: string;
    name: string;
    role: Role;
    siteIds: readonly string[] | null;
    createdBy: string;
    expiresAt: number | null;
  },
  now: number,
): void {
  sql.exec(
    `INSERT INTO tokens (id, secret_hash, name, role, site_ids, created_at, created_by, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    token.id,
    token.secretHash,
    token.name,
    token.role,
    token.siteIds === null ? null : JSON.stringify(token.siteIds),
    now,
    token.createdBy,
    token.expiresAt,
  );
}

/** Whose token it is; `null` where it is unknown, deleted or expired. */
export function findCaller(
  sql: SqlStorage,
  token: { id: string; secretHash: string },
  now: number,
): Caller | null {
  // Both sides are SHA-256 of a random secret: how long the comparison takes tells nothing about the secret.
  const row = sql.exec<Row>("SELECT * FROM tokens WHERE id = ?", token.id).toArray()[0];
  if (row === undefined || row.secret_hash !== token.secretHash) return null;
  if (row.expires_at !== null && row.expires_at <= now) return null;
  if (now - (row.last_used_at ?? 0) > LAST_USED_RESOLUTION_MS) {
    sql.exec("UPDATE tokens SET last_used_at = ? WHERE id = ?", now, row.id);
  }
  return { id: row.id, name: row.name, role: row.role, siteIds: siteIdsOf(row) };
}

/** Tokens in the order of their ids, after one. */
export function listTokens(sql: SqlStorage, after: string, limit: number): TokenInfo[] {
  return sql
    .exec<Row>("SELECT * FROM tokens WHERE id > ? ORDER BY id LIMIT ?", after, limit)
    .toArray()
    .map((row) => toInfo(sql, row));
}

export function findToken(sql: SqlStorage, id: string): TokenInfo | null {
  const row = sql.exec<Row>("SELECT * FROM tokens WHERE id = ?", id).toArray()[0];
  return row === undefined ? null : toInfo(sql, row);
}

/** Revokes a token; `false` where there is none. */
export function deleteToken(sql: SqlStorage, id: string): boolean {
  return sql.exec("DELETE FROM tokens WHERE id = ?", id).rowsWritten > 0;
}

function toInfo(sql: SqlStorage, row: Row): TokenInfo {
  const siteIds = siteIdsOf(row);
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    // A site that was deleted has no name any more, and never comes back under this id.
    sites:
      siteIds?.flatMap((id) =>
        sql
          .exec<{ name: string }>("SELECT name FROM sites WHERE id = ?", id)
          .toArray()
          .map(({ name }) => name),
      ) ?? null,
    createdAt: new Date(row.created_at).toISOString(),
    createdBy: row.created_by,
    expiresAt: row.expires_at === null ? null : new Date(row.expires_at).toISOString(),
    lastUsedAt: row.last_used_at === null ? null : new Date(row.last_used_at).toISOString(),
  };
}

function siteIdsOf(row: Row): string[] | null {
  return row.site_ids === null ? null : (JSON.parse(row.site_ids) as string[]);
}
