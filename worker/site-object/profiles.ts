import type { ProfileNotice } from "../control-object/notices.ts";
import type { ProfilePins } from "../profile-pins.ts";
import type { SiteIdentity } from "./identity.ts";
import { listMachinesOf, touchMachinesOf, type SiteMachine } from "./machines.ts";
import { isOpen, nextRevision, siteIdentity } from "./meta.ts";

/** The profile that a machine boots by while nothing is armed. */
export function profileOf(site: SiteIdentity, machine: SiteMachine): string | undefined {
  return machine.profile ?? site.defaultProfile;
}

/** Every profile that a machine of the site boots by, in the order of their names. */
export function profilesInUse(sql: SqlStorage): string[] {
  if (!isOpen(sql)) return [];
  const names = sql
    .exec<{ profile: string }>("SELECT DISTINCT profile FROM machines WHERE profile IS NOT NULL")
    .toArray()
    .map((row) => row.profile);
  const { defaultProfile } = siteIdentity(sql);
  return [...new Set(defaultProfile === undefined ? names : [...names, defaultProfile])].sort();
}

/** Machines that boot by one of the profiles, in the order of their names, and their site. */
export function machinesBootingBy(
  sql: SqlStorage,
  names: readonly string[],
  page: { readonly after: string; readonly limit: number },
): { site: SiteIdentity; machines: SiteMachine[] } | null {
  if (!isOpen(sql)) return null;
  const site = siteIdentity(sql);
  const orNone = site.defaultProfile !== undefined && names.includes(site.defaultProfile);
  return { site, machines: listMachinesOf(sql, { names, orNone }, page) };
}

/** What a profile's name stands for; `null`: nothing, as far as this site has heard. */
export function findPins(sql: SqlStorage, name: string): ProfilePins | null {
  const row = sql.exec<{ pins: string }>("SELECT pins FROM profiles WHERE name = ?", name).toArray()[0];
  return row === undefined ? null : (JSON.parse(row.pins) as ProfilePins);
}

/**
 * Takes what the site's profiles stand for from now on. One that is older than
 * what is known, or the same, changes nothing.
 */
export function takeProfiles(sql: SqlStorage, { generation, profiles }: ProfileNotice): void {
  const known = sql.exec<{ generation: number }>("SELECT generation FROM profile_sync").one().generation;
  if (generation <= known) return;
  const before = disklessProfiles(sql);
  sql.exec("DELETE FROM profiles");
  for (const [name, pins] of Object.entries(profiles)) {
    sql.exec("INSERT INTO profiles (name, pins) VALUES (?, ?)", name, JSON.stringify(pins));
  }
  sql.exec("UPDATE profile_sync SET generation = ?", generation);

  // Relays know which machines have no disk to fall back to.
  const after = disklessProfiles(sql);
  const turned = [...before, ...after].filter((name) => before.has(name) !== after.has(name));
  if (turned.length === 0 || !isOpen(sql)) return;
  const { defaultProfile } = siteIdentity(sql);
  const revision = nextRevision(sql);
  for (const name of turned) touchMachinesOf(sql, name, revision);
  if (defaultProfile !== undefined && turned.includes(defaultProfile)) touchMachinesOf(sql, null, revision);
}

/** Names that stand for what boots without a disk of its own: in memory, or over the network. */
export function disklessProfiles(sql: SqlStorage): Set<string> {
  const rows = sql.exec<{ name: string }>(
    "SELECT name FROM profiles WHERE json_extract(pins, '$.mode') IN ('live', 'san')",
  );
  return new Set(rows.toArray().map((row) => row.name));
}
