import type { ApiClient, Json } from "../api-client.ts";
import { inTurns } from "../in-turns.ts";
import type { Change } from "./changes.ts";
import type { DocumentKind, Fleet, FleetDocument } from "./fleet.ts";
import { FaultFinder } from "./faults.ts";
import type { HashedImages } from "./image-files.ts";
import type { FleetProblem, Place } from "./place.ts";
import { planDocuments, type DocumentPlan } from "./plan-documents.ts";
import { planRemovals, type OccupiedSite, type SiteRemoval } from "./plan-removals.ts";
import { planSite, type SitePlan } from "./plan-site.ts";

/** What has to happen so that the control plane is as a fleet's files say. */
export type Plan = {
  readonly documents: DocumentPlan;
  readonly sites: readonly SitePlan[];
  readonly siteRemovals: readonly SiteRemoval[];
  readonly changes: readonly Change[];
  /** How many things are as they should be. */
  readonly unchanged: number;
  /** What would be pruned, but is used by what stays. */
  readonly kept: readonly (UsedDocument | OccupiedSite)[];
  /** Secrets that the fleet needs and that are not set. */
  readonly missingSecrets: readonly string[];
};

/** A document that stays, as others need it: `profile "live"`, `site "fra1"`. */
export type UsedDocument = {
  readonly kind: DocumentKind;
  readonly name: string;
  readonly users: readonly string[];
};

/** A fleet whose files say what cannot be; nothing was changed. */
export type Planned =
  | { readonly kind: "planned"; readonly plan: Plan }
  | { readonly kind: "refused"; readonly problems: readonly FleetProblem[] };

/**
 * Holds a fleet's files against the control plane, which checks all of them and
 * changes nothing.
 *
 * @throws ApiError where it was not about the files
 */
export async function planFleet(
  api: ApiClient,
  fleet: Fleet,
  hashed: HashedImages,
  { prune }: { readonly prune: boolean },
): Promise<Planned> {
  const heads = await listHeads(api);
  const [presentSites, secrets] = await Promise.all([api.list("/sites"), api.list("/secrets")]);
  const faults = new FaultFinder(fleet, [...fleet.problems, ...hashed.problems]);
  const siteNames = new Set([...presentSites.map(({ name }) => name as string), ...namesOf(fleet.sites)]);
  checkSites(fleet, siteNames, faults);
  checkProfiles(fleet, new Set([...namesOf(fleet.profiles), ...heads.profile.keys()]), faults);

  const named = new Set([...namesOf(fleet.sites), ...fleet.machines.keys()]);
  // A folder without settings of any site is not about which ones there are.
  const unnamed = prune && fleet.sites.length > 0 ? [...siteNames].filter((name) => !named.has(name)) : [];
  const { going, occupied } = await planRemovals(api, unnamed);
  const documents = await planDocuments(api, { fleet, hashed, heads, prune, going: namesOf(going), faults });
  const settingsOf = new Map(fleet.sites.map((site) => [site.name, site]));
  const planned = await inTurns([...named].filter((name) => siteNames.has(name)).sort(), (name) =>
    planSite(api, {
      name,
      settings: settingsOf.get(name),
      machines: fleet.machines.get(name),
      prune,
      faults,
    }),
  );
  if (faults.found.length > 0 || documents === null) return { kind: "refused", problems: faults.found };

  const set = new Set(secrets.map(({ name }) => name as string));
  const needed = new Set([...documents.secrets, ...fleet.secrets.map(({ name }) => name)]);
  return {
    kind: "planned",
    plan: {
      documents,
      sites: planned,
      siteRemovals: going,
      changes: [
        ...documents.changes,
        ...planned.flatMap(({ changes }) => changes),
        ...going.map(({ name }): Change => ({ action: "delete", kind: "site", name, fields: [] })),
      ],
      unchanged: planned.reduce((sum, { unchanged }) => sum + unchanged, documents.unchanged),
      kept: [...documents.kept, ...occupied],
      missingSecrets: [...needed].filter((name) => !set.has(name)).sort(),
    },
  };
}

/** Revisions that names stand for, by kind. */
export type Heads = Readonly<Record<DocumentKind, ReadonlyMap<string, string>>>;

async function listHeads(api: ApiClient): Promise<Heads> {
  const list = async (kind: DocumentKind) => {
    const heads: Json[] = await api.list(`/${kind}s`);
    return new Map(heads.map(({ name, revision }) => [name as string, revision as string]));
  };
  const [profile, template, image] = await Promise.all([list("profile"), list("template"), list("image")]);
  return { profile, template, image };
}

function checkSites(fleet: Fleet, known: ReadonlySet<string>, faults: FaultFinder): void {
  for (const [site, [first]] of fleet.machines) {
    if (known.has(site) || fleet.unreadable.has(`site ${site}`) || first === undefined) continue;
    const { file } = first.locate("");
    faults.missing({ file }, "", "site", site, known);
  }
}

/** Machines and sites may name any profile; one that is not there was misspelt. */
function checkProfiles(fleet: Fleet, known: ReadonlySet<string>, faults: FaultFinder): void {
  const check = ({ document, locate }: FleetDocument, field: string) => {
    const named = document[field];
    if (typeof named !== "string" || known.has(named) || fleet.unreadable.has(`profile ${named}`)) return;
    const place: Place = locate(field);
    faults.missing(place, field, "profile", named, known);
  };
  for (const site of fleet.sites) check(site, "defaultProfile");
  for (const machines of fleet.machines.values()) for (const machine of machines) check(machine, "profile");
}

function namesOf(named: readonly { readonly name: string }[]): string[] {
  return named.map(({ name }) => name);
}
