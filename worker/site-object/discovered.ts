import type { Mac } from "../../core/addresses.ts";

/** What an unknown machine said of itself in its script's query. */
export type SmbiosClaims = {
  readonly uuid?: string;
  readonly serial?: string;
  readonly arch?: string;
  readonly platform?: string;
};

/** A machine that was there without being known, as the API shows it. */
export type DiscoveredMachine = SmbiosClaims & {
  readonly mac: Mac;
  readonly ip?: string;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
};

/** So many are kept; the ones not seen for longest go first. */
const MAX_DISCOVERED = 10_000;

type Row = {
  mac: Mac;
  ip: string | null;
  uuid: string | null;
  serial: string | null;
  arch: string | null;
  platform: string | null;
  first_seen_at: number;
  last_seen_at: number;
};

/** Records an unknown machine; `true` where it is seen for the first time. */
export function recordDiscovered(
  sql: SqlStorage,
  seen: SmbiosClaims & { mac: Mac; ip: string | null },
  now: number,
): boolean {
  const isNew = sql.exec("SELECT 1 FROM discovered WHERE mac = ?", seen.mac).toArray().length === 0;
  sql.exec(
    `INSERT INTO discovered (mac, ip, uuid, serial, arch, platform, first_seen_at, last_seen_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
     ON CONFLICT (mac) DO UPDATE SET ip = ?2, uuid = ?3, serial = ?4, arch = ?5, platform = ?6, last_seen_at = ?7`,
    seen.mac,
    seen.ip,
    seen.uuid ?? null,
    seen.serial ?? null,
    seen.arch ?? null,
    seen.platform ?? null,
    now,
  );
  if (isNew) {
    sql.exec(
      "DELETE FROM discovered WHERE mac IN (SELECT mac FROM discovered ORDER BY last_seen_at DESC LIMIT -1 OFFSET ?)",
      MAX_DISCOVERED,
    );
  }
  return isNew;
}

/** In the order of their MACs, after one. */
export function listDiscovered(sql: SqlStorage, after: string, limit: number): DiscoveredMachine[] {
  return sql
    .exec<Row>("SELECT * FROM discovered WHERE mac > ? ORDER BY mac LIMIT ?", after, limit)
    .toArray()
    .map(({ first_seen_at, last_seen_at, ...row }) => {
      const known = Object.entries(row).filter(([, value]) => value !== null);
      return {
        ...(Object.fromEntries(known) as SmbiosClaims & { mac: Mac }),
        firstSeenAt: new Date(first_seen_at).toISOString(),
        lastSeenAt: new Date(last_seen_at).toISOString(),
      };
    });
}
