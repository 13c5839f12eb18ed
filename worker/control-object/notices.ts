import type { ProfilePinSet } from "../profile-pins.ts";
import { recordAudit } from "./audit.ts";
import { resolveProfiles } from "./profile-pins.ts";
import { profilesOfSite } from "./site-profiles.ts";

/**
 * What a site is told: the revisions of the profiles that it uses. A later one
 * has the higher generation, so that one that comes late changes nothing.
 */
export type ProfileNotice = { readonly generation: number; readonly profiles: ProfilePinSet };

const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 600_000;
/** Sites told at once. */
const MAX_AT_ONCE = 50;

/** What a site is to know now. The secrets that go along are read by it, and audited as that. */
export function noticeFor(sql: SqlStorage, siteId: string, now: number): ProfileNotice {
  const profiles = resolveProfiles(sql, profilesOfSite(sql, siteId));
  for (const [profile, { secrets }] of Object.entries(profiles)) {
    for (const secret of Object.keys(secrets)) {
      const target = `/secrets/${secret}`;
      const by = { id: siteId, name: "a site's profiles" };
      recordAudit(sql, { by, action: "READ", target, detail: { profile, site: siteId } }, now);
    }
  }
  return { generation: nextGeneration(sql), profiles };
}

/** Notes that sites have to be told, at once. */
export function queueNotices(sql: SqlStorage, siteIds: readonly string[], now: number): void {
  for (const siteId of siteIds) {
    sql.exec(
      `INSERT INTO site_notices (site_id, generation, due_at, failures) VALUES (?1, ?2, ?3, 0)
       ON CONFLICT (site_id) DO UPDATE SET generation = ?2, due_at = ?3, failures = 0`,
      siteId,
      nextGeneration(sql),
      now,
    );
  }
}

/** When a site is to be told next, or `null`. */
export function nextNoticeAt(sql: SqlStorage): number | null {
  return sql.exec<{ at: number | null }>("SELECT min(due_at) AS at FROM site_notices").one().at;
}

/**
 * Tells the sites that are due. One that cannot be reached is told later, again
 * and again; meanwhile it goes on by what it knows.
 *
 * @param tell resolves once the site has stored it
 */
export async function deliverNotices(
  sql: SqlStorage,
  now: number,
  tell: (siteId: string, notice: ProfileNotice) => Promise<void>,
): Promise<void> {
  const due = sql
    .exec<{ site_id: string; generation: number; failures: number }>(
      "SELECT site_id, generation, failures FROM site_notices WHERE due_at <= ? ORDER BY due_at LIMIT ?",
      now,
      MAX_AT_ONCE,
    )
    .toArray();
  await Promise.all(
    due.map(async ({ site_id: siteId, generation, failures }) => {
      try {
        await tell(siteId, noticeFor(sql, siteId, now));
        // Unless something has moved since.
        sql.exec("DELETE FROM site_notices WHERE site_id = ? AND generation = ?", siteId, generation);
      } catch (error) {
        console.error(`site ${siteId} could not be told of its profiles: ${String(error)}`);
        const pause = Math.min(FIRST_RETRY_MS * 2 ** failures, LONGEST_RETRY_MS);
        sql.exec(
          "UPDATE site_notices SET due_at = ?, failures = failures + 1 WHERE site_id = ? AND generation = ?",
          now + pause,
          siteId,
          generation,
        );
      }
    }),
  );
}

function nextGeneration(sql: SqlStorage): number {
  return sql.exec<{ value: number }>("UPDATE notice_generation SET value = value + 1 RETURNING value").one()
    .value;
}
