import type { References } from "../references.ts";
import type { RevisionKind } from "../revisions.ts";
import { findHead } from "./heads.ts";

/** Keeps what a revision names: a revision never changes, so neither does this. */
export function putReferences(
  sql: SqlStorage,
  kind: RevisionKind,
  revision: string,
  references: References,
): void {
  sql.exec(
    "INSERT OR REPLACE INTO revision_references (kind, revision, document) VALUES (?, ?, ?)",
    kind,
    revision,
    JSON.stringify(references),
  );
}

/** What the present revision of a name names; `null` where the name stands for nothing. */
export function referencesOf(
  sql: SqlStorage,
  kind: RevisionKind,
  name: string,
): { readonly revision: string; readonly references: References } | null {
  const head = findHead(sql, kind, name);
  if (head === null) return null;
  const row = sql
    .exec<{ document: string }>(
      "SELECT document FROM revision_references WHERE kind = ? AND revision = ?",
      kind,
      head.revision,
    )
    .toArray()[0];
  // Profiles from before this was kept install or boot the disk: unarmed, either is the disk.
  const references = row === undefined ? {} : (JSON.parse(row.document) as References);
  return { revision: head.revision, references };
}

/** Profiles that name a document by their present revisions. */
export function profilesNaming(sql: SqlStorage, kind: RevisionKind, name: string): string[] {
  const path = { profile: "$.profiles", template: "$.templates", image: "$.image" }[kind];
  return sql
    .exec<{ name: string }>(
      `SELECT h.name FROM heads h JOIN revision_references r ON r.kind = h.kind AND r.revision = h.revision
       WHERE h.kind = 'profile' AND EXISTS (SELECT 1 FROM json_each(r.document, ?) WHERE value = ?)
       ORDER BY h.name`,
      path,
      name,
    )
    .toArray()
    .map((row) => row.name);
}

/** Where a profile is booted: by machines that have one of `via` as theirs, whose menus or rescue it may be. */
export type ProfileUse = { readonly profile: string; readonly via: readonly string[] };

/** The profiles that a change of a document's name changes, and by which profiles machines come to boot them. */
export function usesOf(sql: SqlStorage, kind: "profile" | "template", name: string): ProfileUse[] {
  const changed = kind === "profile" ? [name] : profilesNaming(sql, "template", name);
  return changed.map((profile) => ({
    profile,
    via: [...new Set([profile, ...profilesNaming(sql, "profile", profile)])],
  }));
}
