import type { Actor } from "../access.ts";

/** What an audit entry may say beside the request itself; never a value of a secret. */
export type AuditDetail = Readonly<Record<string, string | number | boolean | null>>;

/** Who did what, when. `action` is the request's method, or `READ` for a secret that an order took along. */
export type AuditEntry = {
  readonly seq: number;
  readonly at: string;
  readonly by: Actor;
  readonly action: string;
  /** Below `/api/v1`. */
  readonly target: string;
  readonly detail: AuditDetail;
};

/** So many entries are kept. */
const MAX_ENTRIES = 500_000;

type Row = {
  seq: number;
  at: number;
  by_id: string;
  by_name: string;
  action: string;
  target: string;
  detail: string;
};

export function recordAudit(
  sql: SqlStorage,
  entry: { by: Actor; action: string; target: string; detail?: AuditDetail },
  now: number,
): void {
  sql.exec(
    "INSERT INTO audit (at, by_id, by_name, action, target, detail) VALUES (?, ?, ?, ?, ?, ?)",
    now,
    entry.by.id,
    entry.by.name,
    entry.action,
    entry.target,
    JSON.stringify(entry.detail ?? {}),
  );
  sql.exec("DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - ?", MAX_ENTRIES);
}

/** Entries after a position, oldest first. */
export function listAudit(sql: SqlStorage, after: number, limit: number): AuditEntry[] {
  return sql
    .exec<Row>("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
    .toArray()
    .map((row) => ({
      seq: row.seq,
      at: new Date(row.at).toISOString(),
      by: { id: row.by_id, name: row.by_name },
      action: row.action,
      target: row.target,
      detail: JSON.parse(row.detail) as AuditDetail,
    }));
}
