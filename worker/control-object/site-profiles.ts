import { dependenciesOf, type Dependency } from "./profile-pins.ts";

/** Profiles that a site's machines or its default name. */
export function profilesOfSite(sql: SqlStorage, siteId: string): string[] {
  return sql
    .exec<{ name: string }>("SELECT name FROM site_profiles WHERE site_id = ? ORDER BY name", siteId)
    .toArray()
    .map((row) => row.name);
}

export function setProfilesOfSite(sql: SqlStorage, siteId: string, names: readonly string[]): void {
  sql.exec("DELETE FROM site_profiles WHERE site_id = ?", siteId);
  for (const name of names) {
    sql.exec("INSERT INTO site_profiles (site_id, name) VALUES (?, ?)", siteId, name);
  }
}

/** Names of the sites whose machines or default name a profile. */
export function siteNamesUsing(sql: SqlStorage, profile: string): string[] {
  return sql
    .exec<{ name: string }>(
      "SELECT s.name FROM site_profiles p JOIN sites s ON s.id = p.site_id WHERE p.name = ? ORDER BY s.name",
      profile,
    )
    .toArray()
    .map((row) => row.name);
}

/** Sites, in the order of their names, whose machines or default name one of the profiles. */
export function sitesUsing(
  sql: SqlStorage,
  profiles: readonly string[],
): { readonly id: string; readonly name: string }[] {
  return sql
    .exec<{ id: string; name: string }>(
      `SELECT DISTINCT s.id, s.name FROM site_profiles p JOIN sites s ON s.id = p.site_id
       WHERE p.name IN (SELECT value FROM json_each(?)) ORDER BY s.name`,
      JSON.stringify(profiles),
    )
    .toArray();
}

/** Ids of the sites whose machines boot otherwise once `changed` stands for something else. */
export function sitesDependingOn(sql: SqlStorage, changed: Dependency): string[] {
  const assigned = sql
    .exec<{ name: string }>("SELECT DISTINCT name FROM site_profiles")
    .toArray()
    .map((row) => row.name)
    .filter((name) =>
      dependenciesOf(sql, [name]).some(({ kind, name }) => kind === changed.kind && name === changed.name),
    );
  return sql
    .exec<{ site_id: string }>(
      "SELECT DISTINCT site_id FROM site_profiles WHERE name IN (SELECT value FROM json_each(?))",
      JSON.stringify(assigned),
    )
    .toArray()
    .map((row) => row.site_id);
}
