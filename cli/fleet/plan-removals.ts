import type { ApiClient } from "../api-client.ts";
import { inTurns } from "../in-turns.ts";

/** A site that is to go, as it was seen. */
export type SiteRemoval = { readonly name: string; readonly etag: string };

/** A site that stays, and what is there: `machines`, `relays`. */
export type OccupiedSite = {
  readonly kind: "site";
  readonly name: string;
  readonly users: readonly string[];
};

/**
 * Which of the sites that a fleet does not name can be removed: those that
 * nothing boots at. A site's machines and relays are never removed with it.
 */
export async function planRemovals(
  api: ApiClient,
  names: readonly string[],
): Promise<{ readonly going: readonly SiteRemoval[]; readonly occupied: readonly OccupiedSite[] }> {
  const going: SiteRemoval[] = [];
  const occupied: OccupiedSite[] = [];
  const seen = await inTurns(names, async (name) => {
    const path = `/sites/${encodeURIComponent(name)}`;
    const site = await api.read(path);
    const users: string[] = [];
    for (const what of site === null ? [] : ["machines", "relays"]) {
      const { items } = await api.request("GET", `${path}/${what}?limit=1`);
      if (items.length > 0) users.push(what);
    }
    return { name, site, users };
  });
  for (const { name, site, users } of seen) {
    // Somebody else was faster.
    if (site === null) continue;
    if (users.length === 0) going.push({ name, etag: site.etag });
    else occupied.push({ kind: "site", name, users });
  }
  return { going, occupied };
}
