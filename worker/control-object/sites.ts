import { mintId } from "../credentials.ts";
import { checkPrecondition, type Precondition } from "../precondition.ts";
import { fail, ok, type Result } from "../problem.ts";
import { canonicalJson } from "../revisions.ts";
import { siteSettingsSchema, type SiteSettings } from "../schemas/site.ts";

/** A site's document. `id` is immutable and what everything else refers to. */
export type Site = { readonly id: string; readonly name: string } & SiteSettings;

/** A document and the tag that changes whenever it does. */
export type Tagged<T> = { readonly document: T; readonly etag: string };

type Row = { id: string; name: string; document: string; version: number };

export function findSite(sql: SqlStorage, name: string): Tagged<Site> | null {
  const row = sql.exec<Row>("SELECT * FROM sites WHERE name = ?", name).toArray()[0];
  return row === undefined ? null : toSite(row);
}

/** Creates or replaces; a site keeps its id. The same settings change nothing, nor does a dry run. */
export function putSite(
  sql: SqlStorage,
  name: string,
  settings: SiteSettings,
  { precondition, dryRun, now }: { precondition: Precondition; dryRun: boolean; now: number },
): Result<Tagged<Site> & { created: boolean }> {
  const present = findSite(sql, name);
  const allowed = checkPrecondition(precondition, present?.etag ?? null);
  if (!allowed.ok) return allowed;
  const site: Site = { ...settings, id: present?.document.id ?? mintId(), name };
  if (present !== null && canonicalJson(present.document) === canonicalJson(site)) {
    return ok({ ...present, created: false });
  }
  if (dryRun) return ok({ document: site, etag: present?.etag ?? `${site.id}-0`, created: present === null });
  sql.exec(
    `INSERT INTO sites (name, id, document, created_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET document = excluded.document, version = version + 1`,
    name,
    site.id,
    JSON.stringify(site),
    now,
  );
  return ok({ ...findSite(sql, name)!, created: present === null });
}

/** Sites in the order of their names, after one; only the named ids where they are given. */
export function listSites(
  sql: SqlStorage,
  query: { after: string; limit: number; ids: readonly string[] | null },
): Site[] {
  return sql
    .exec<Row>(
      `SELECT * FROM sites WHERE name > ?1 AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2)))
       ORDER BY name LIMIT ?3`,
      query.after,
      query.ids === null ? null : JSON.stringify(query.ids),
      query.limit,
    )
    .toArray()
    .map((row) => toSite(row).document);
}

/** Forgets a site: its name is free, its id never comes back. */
export function deleteSite(sql: SqlStorage, id: string): void {
  sql.exec("DELETE FROM sites WHERE id = ?", id);
  for (const table of ["site_profiles", "site_notices"])
    sql.exec(`DELETE FROM ${table} WHERE site_id = ?`, id);
}

export function noSite(name: string): Result<never> {
  return fail("not-found", `no site "${name}"`);
}

/** Settings that were stored before a member existed have its default. */
function toSite(row: Row): Tagged<Site> {
  const { id, name, ...settings } = JSON.parse(row.document) as Site;
  return { document: { ...siteSettingsSchema.parse(settings), id, name }, etag: `${id}-${row.version}` };
}
