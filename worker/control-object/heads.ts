import type { Actor } from "../access.ts";
import { checkPrecondition, type Precondition } from "../precondition.ts";
import { fail, ok, type Result } from "../problem.ts";
import type { References } from "../references.ts";
import type { RevisionKind } from "../revisions.ts";

/** What a name stands for, since when, and who made it so. */
export type Head = {
  readonly name: string;
  readonly revision: string;
  readonly updatedAt: string;
  readonly updatedBy: string;
};

/** A revision that a name ever stood for. */
export type Revision = {
  readonly revision: string;
  readonly createdAt: string;
  readonly createdBy: string;
  /** Whether the name stands for it now. */
  readonly current: boolean;
};

type Row = { name: string; revision: string; at: number; by_name: string };
type RevisionRow = { seq: number; revision: string; at: number; by_name: string };

/** A change of what a name stands for; `references`: what the new revision names. */
export type HeadChange = {
  readonly by: Actor;
  readonly precondition: Precondition;
  readonly references: References;
};

export function findHead(sql: SqlStorage, kind: RevisionKind, name: string): Head | null {
  const row = sql
    .exec<Row>("SELECT name, revision, at, by_name FROM heads WHERE kind = ? AND name = ?", kind, name)
    .toArray()[0];
  return row === undefined ? null : toHead(row);
}

/** Lets a name stand for a revision. The one it stands for already changes nothing. */
export function moveHead(
  sql: SqlStorage,
  target: { kind: RevisionKind; name: string; revision: string },
  change: HeadChange,
  now: number,
): Result<{ created: boolean; moved: boolean }> {
  const { kind, name, revision } = target;
  const present = findHead(sql, kind, name);
  const allowed = checkPrecondition(change.precondition, present?.revision ?? null);
  if (!allowed.ok) return allowed;
  if (present?.revision === revision) return ok({ created: false, moved: false });
  const { name: by } = change.by;
  sql.exec(
    "INSERT OR REPLACE INTO heads (kind, name, revision, at, by_name) VALUES (?, ?, ?, ?, ?)",
    kind,
    name,
    revision,
    now,
    by,
  );
  sql.exec(
    "INSERT OR IGNORE INTO revisions (kind, name, revision, at, by_name) VALUES (?, ?, ?, ?, ?)",
    kind,
    name,
    revision,
    now,
    by,
  );
  return ok({ created: present === null, moved: true });
}

/**
 * Takes a name away. Its revisions stay: armed machines may hold them.
 *
 * @param users what would miss it: then it is refused
 */
export function deleteHead(
  sql: SqlStorage,
  kind: RevisionKind,
  name: string,
  precondition: Precondition,
  users: readonly string[],
): Result<null> {
  const present = findHead(sql, kind, name);
  if (present === null) return fail("not-found", `no ${kind} "${name}"`);
  const allowed = checkPrecondition(precondition, present.revision);
  if (!allowed.ok) return allowed;
  if (users.length > 0) {
    const shown = users.slice(0, 10).join(", ") + (users.length > 10 ? ` and ${users.length - 10} more` : "");
    return fail("conflict", `${kind} "${name}" is in use by ${shown}; change or delete those first`);
  }
  sql.exec("DELETE FROM heads WHERE kind = ? AND name = ?", kind, name);
  return ok(null);
}

/** Heads in the order of their names, after one. */
export function listHeads(sql: SqlStorage, kind: RevisionKind, after: string, limit: number): Head[] {
  return sql
    .exec<Row>(
      "SELECT name, revision, at, by_name FROM heads WHERE kind = ? AND name > ? ORDER BY name LIMIT ?",
      kind,
      after,
      limit,
    )
    .toArray()
    .map(toHead);
}

/** Every revision that a name ever stood for, newest first; those older than `after`, where it is given. */
export function listRevisions(
  sql: SqlStorage,
  kind: RevisionKind,
  name: string,
  after: string,
  limit: number,
): Revision[] {
  const current = findHead(sql, kind, name)?.revision;
  return sql
    .exec<RevisionRow>(
      `SELECT rowid AS seq, revision, at, by_name FROM revisions
       WHERE kind = ?1 AND name = ?2 AND (?3 = '' OR rowid <
         (SELECT rowid FROM revisions WHERE kind = ?1 AND name = ?2 AND revision = ?3))
       ORDER BY rowid DESC LIMIT ?4`,
      kind,
      name,
      after,
      limit,
    )
    .toArray()
    .map(({ revision, at, by_name }) => ({
      revision,
      createdAt: new Date(at).toISOString(),
      createdBy: by_name,
      current: revision === current,
    }));
}

/** Whether the name ever stood for the revision. */
export function hasRevision(sql: SqlStorage, kind: RevisionKind, name: string, revision: string): boolean {
  return (
    sql
      .exec("SELECT 1 FROM revisions WHERE kind = ? AND name = ? AND revision = ?", kind, name, revision)
      .toArray().length > 0
  );
}

function toHead(row: Row): Head {
  return {
    name: row.name,
    revision: row.revision,
    updatedAt: new Date(row.at).toISOString(),
    updatedBy: row.by_name,
  };
}
