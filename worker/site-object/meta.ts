import { fail, ok, type Result } from "../problem.ts";
import { canonicalJson } from "../revisions.ts";
import { siteSettingsSchema } from "../schemas/site.ts";
import type { SiteIdentity } from "./identity.ts";
import { countMachines, touchMachinesOf } from "./machines.ts";
import { noteProfilesChanged } from "./profile-sync.ts";

/** Takes the site's document; the same one changes nothing. */
export function configureSite(sql: SqlStorage, identity: SiteIdentity): void {
  const text = canonicalJson(identity);
  const before = readMeta(sql, "identity");
  if (text === before) return;
  writeMeta(sql, "identity", text);
  const revision = nextRevision(sql);
  const { defaultProfile } = before === null ? {} : (JSON.parse(before) as Partial<SiteIdentity>);
  if (defaultProfile === identity.defaultProfile) return;
  touchMachinesOf(sql, null, revision);
  noteProfilesChanged(sql);
}

/** Ends the site: it takes no more machines, and its relays' credentials are good no more. */
export function closeSite(sql: SqlStorage): Result<null> {
  const machines = countMachines(sql);
  if (machines > 0) return fail("conflict", `the site still has machines (${machines}): delete those first`);
  for (const table of ["meta", "relays", "join_tokens", "boot_tokens"]) sql.exec(`DELETE FROM ${table}`);
  return ok(null);
}

/** Whether the site was configured and not closed since. */
export function isOpen(sql: SqlStorage): boolean {
  return readMeta(sql, "identity") !== null;
}

/** The site's document. @throws Error where it was never configured */
export function siteIdentity(sql: SqlStorage): SiteIdentity {
  const text = readMeta(sql, "identity");
  if (text === null) throw new Error("this site was never configured");
  const { id, name, ...settings } = JSON.parse(text) as SiteIdentity;
  // A document that was stored before a member existed has its default.
  return { ...siteSettingsSchema.parse(settings), id, name };
}

/** The revision of what relays keep of the site; it grows by one a change. */
export function stateRevision(sql: SqlStorage): number {
  return Number(readMeta(sql, "revision") ?? "0");
}

/** Counts a change of what relays keep. */
export function nextRevision(sql: SqlStorage): number {
  const revision = stateRevision(sql) + 1;
  writeMeta(sql, "revision", String(revision));
  return revision;
}

function readMeta(sql: SqlStorage, key: string): string | null {
  const row = sql.exec<{ value: string }>("SELECT value FROM meta WHERE key = ?", key).toArray()[0];
  return row?.value ?? null;
}

function writeMeta(sql: SqlStorage, key: string, value: string): void {
  sql.exec("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value);
}
