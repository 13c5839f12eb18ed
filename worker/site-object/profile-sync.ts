/**
 * What a site has told the ControlObject of the profiles it uses, and whether it
 * has to tell again: `due_at`, milliseconds since the epoch, or `null`.
 */

const RETRY_MS = 15_000;

/** Notes that the site may use other profiles than before; the alarm then tells. */
export function noteProfilesChanged(sql: SqlStorage): void {
  sql.exec("UPDATE profile_sync SET due_at = 0");
}

export function profileSyncDueAt(sql: SqlStorage): number | null {
  return sql.exec<{ due_at: number | null }>("SELECT due_at FROM profile_sync").one().due_at;
}

/** A telling that has begun. It is tried again at `retryAt`, unless it ends before. */
export type ProfileSync = { readonly names: readonly string[]; readonly retryAt: number };

/** Begins to tell, where that is due and the names are others than those told last. */
export function beginProfileSync(
  sql: SqlStorage,
  names: () => readonly string[],
  now: number,
): ProfileSync | null {
  const { due_at: dueAt, told } = sql
    .exec<{ due_at: number | null; told: string }>("SELECT due_at, told FROM profile_sync")
    .one();
  if (dueAt === null || dueAt > now) return null;
  const wanted = names();
  const same = JSON.stringify(wanted) === told;
  const retryAt = now + RETRY_MS;
  sql.exec("UPDATE profile_sync SET due_at = ?", same ? null : retryAt);
  return same ? null : { names: wanted, retryAt };
}

/** The ControlObject knows; due still where something changed meanwhile. */
export function endProfileSync(sql: SqlStorage, { names, retryAt }: ProfileSync): void {
  sql.exec("UPDATE profile_sync SET told = ?", JSON.stringify(names));
  sql.exec("UPDATE profile_sync SET due_at = NULL WHERE due_at = ?", retryAt);
}
