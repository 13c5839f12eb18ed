import { checkPrecondition, type Precondition } from "../precondition.ts";
import { fail, ok, type Result } from "../problem.ts";

/** A secret as the API shows it: its name, never its value. */
export type SecretInfo = {
  readonly name: string;
  /** Id of the key that it is encrypted with. */
  readonly kid: string;
  readonly updatedAt: string;
  readonly updatedBy: string;
};

type Row = { name: string; sealed: string; kid: string; version: number; at: number; by_name: string };

export function findSecret(sql: SqlStorage, name: string): { info: SecretInfo; etag: string } | null {
  const row = find(sql, name);
  return row === null ? null : { info: toInfo(row), etag: etagOf(row) };
}

/** Stores an encrypted value. */
export function putSecret(
  sql: SqlStorage,
  secret: { name: string; sealed: string; kid: string; by: string },
  precondition: Precondition,
  now: number,
): Result<{ info: SecretInfo; etag: string; created: boolean }> {
  const present = find(sql, secret.name);
  const allowed = checkPrecondition(precondition, present === null ? null : etagOf(present));
  if (!allowed.ok) return allowed;
  sql.exec(
    `INSERT INTO secrets (name, sealed, kid, version, at, by_name) VALUES (?1, ?2, ?3, ?4, ?4, ?5)
     ON CONFLICT (name) DO UPDATE SET sealed = ?2, kid = ?3, version = max(version + 1, ?4), at = ?4, by_name = ?5`,
    secret.name,
    secret.sealed,
    secret.kid,
    now,
    secret.by,
  );
  return ok({ ...findSecret(sql, secret.name)!, created: present === null });
}

/** Replaces how a value is encrypted, not the value; leaves it where it was put anew meanwhile. */
export function resealSecret(
  sql: SqlStorage,
  name: string,
  before: string,
  after: { sealed: string; kid: string },
): boolean {
  return (
    sql.exec(
      "UPDATE secrets SET sealed = ?, kid = ? WHERE name = ? AND sealed = ?",
      after.sealed,
      after.kid,
      name,
      before,
    ).rowsWritten > 0
  );
}

export function deleteSecret(sql: SqlStorage, name: string, precondition: Precondition): Result<null> {
  const present = find(sql, name);
  if (present === null) return fail("not-found", `no secret "${name}"`);
  const allowed = checkPrecondition(precondition, etagOf(present));
  if (!allowed.ok) return allowed;
  sql.exec("DELETE FROM secrets WHERE name = ?", name);
  return ok(null);
}

/** Secrets in the order of their names, after one. */
export function listSecrets(sql: SqlStorage, after: string, limit: number): SecretInfo[] {
  return sql
    .exec<Row>("SELECT * FROM secrets WHERE name > ? ORDER BY name LIMIT ?", after, limit)
    .toArray()
    .map(toInfo);
}

/** The encrypted values of those that exist. */
export function sealedSecrets(sql: SqlStorage, names: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const row = find(sql, name);
    if (row !== null) found[name] = row.sealed;
  }
  return found;
}

function find(sql: SqlStorage, name: string): Row | null {
  return sql.exec<Row>("SELECT * FROM secrets WHERE name = ?", name).toArray()[0] ?? null;
}

/** The version is a time at least, so that a secret that is deleted and put again has another tag. */
function etagOf(row: Row): string {
  return `${row.name}-${row.version}`;
}

function toInfo(row: Row): SecretInfo {
  return {
    name: row.name,
    kid: row.kid,
    updatedAt: new Date(row.at).toISOString(),
    updatedBy: row.by_name,
  };
}
