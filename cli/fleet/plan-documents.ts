import type { ApiClient, Json } from "../api-client.ts";
import { inTurns } from "../in-turns.ts";
import { compareDocuments, type Change } from "./changes.ts";
import type { FaultFinder } from "./faults.ts";
import type { DocumentKind, Fleet, FleetDocument, FleetImage } from "./fleet.ts";
import type { HashedImages } from "./image-files.ts";
import type { Heads, UsedDocument } from "./plan.ts";

/** A document that has to be put; `ifMatch`: the revision that was seen, `null`: there was none. */
export type DocumentPut = {
  readonly kind: DocumentKind;
  readonly name: string;
  readonly ifMatch: string | null;
  readonly document: object;
};

export type DocumentPlan = {
  readonly put: readonly DocumentPut[];
  readonly delete: readonly {
    readonly kind: DocumentKind;
    readonly name: string;
    readonly ifMatch: string;
  }[];
  /** Hashes of files that have to be uploaded before. */
  readonly missingFiles: readonly string[];
  readonly changes: readonly Change[];
  readonly unchanged: number;
  readonly kept: readonly UsedDocument[];
  /** Names of the secrets that the templates name. */
  readonly secrets: readonly string[];
};

type Member = { readonly kind: DocumentKind; readonly source: FleetDocument };

/** What becomes of templates, images and profiles; `null` where the files are at fault. */
export async function planDocuments(
  api: ApiClient,
  work: {
    readonly fleet: Fleet;
    readonly hashed: HashedImages;
    readonly heads: Heads;
    readonly prune: boolean;
    /** Names of the sites that are removed. */
    readonly going: readonly string[];
    readonly faults: FaultFinder;
  },
): Promise<DocumentPlan | null> {
  const { fleet, hashed, heads, prune, going: goingSites, faults } = work;
  const members: Member[] = [
    ...fleet.templates.map((source) => ({ kind: "template" as const, source })),
    ...hashed.images.map((source) => ({ kind: "image" as const, source })),
    ...fleet.profiles.map((source) => ({ kind: "profile" as const, source })),
  ];
  const deletes = prune ? findUnnamed(heads, members, fleet.unreadable) : [];
  const rest = {
    delete: deletes,
    keepUsed: true,
    ...(prune && { sites: { ...profilesBySite(fleet), ...withoutProfiles(goingSites) } }),
    dryRun: true,
  };
  const outcome: Json = await faults.check(
    members,
    async (some) => {
      const put = some.map(({ kind, source: { name, document } }) => ({ kind, name, document }));
      return await api.request("POST", "/documents:batch", { put, ...rest });
    },
    (field) => {
      const match = /^put\[(\d+)\](?:\.document)?\.?(.*)$/.exec(field);
      return match && { index: Number(match[1]), field: match[2]! };
    },
  );
  if (outcome === null) return null;
  for (const sha256 of outcome.missingFiles as string[]) {
    if (!hashed.fileOf.has(sha256)) refuseMissing(hashed.images, sha256, faults);
  }
  const changed = (outcome.items as Json[]).flatMap((item, i) =>
    item.outcome === "unchanged" ? [] : [{ item, ...members[i]! }],
  );
  const going = new Set((outcome.deleted as Json[]).map(({ kind, name }) => `${kind} ${name}`));
  return {
    put: changed.map(({ kind, item, source }) => ({
      kind,
      name: source.name,
      ifMatch: item.before,
      document: source.document,
    })),
    delete: deletes.filter(({ kind, name }) => going.has(`${kind} ${name}`)),
    missingFiles: outcome.missingFiles,
    changes: [
      ...(await inTurns(changed, ({ kind, item }) => describe(api, kind, item))),
      ...(outcome.deleted as Json[]).map(({ kind, name }): Change => ({
        action: "delete",
        kind,
        name,
        fields: [],
      })),
    ],
    unchanged: members.length - changed.length,
    kept: outcome.kept,
    secrets: outcome.secrets,
  };
}

/** A file that is named by its hash alone has to be there. */
function refuseMissing(images: readonly FleetImage[], sha256: string, faults: FaultFinder): void {
  for (const { document, locate } of images) {
    for (const [path, file] of Object.entries(document["files"] as Record<string, { sha256?: string }>)) {
      if (file.sha256 !== sha256) continue;
      const message = "no such file was uploaded: name one by `file`, or by `url`";
      faults.add({ ...locate(`files.${path}.sha256`), field: `files.${path}.sha256`, message });
    }
  }
}

function findUnnamed(heads: Heads, members: readonly Member[], unreadable: ReadonlySet<string>) {
  const named = new Set(members.map(({ kind, source }) => `${kind} ${source.name}`));
  return (["profile", "template", "image"] as const).flatMap((kind) =>
    [...heads[kind]]
      .filter(([name]) => !named.has(`${kind} ${name}`) && !unreadable.has(`${kind} ${name}`))
      .map(([name, ifMatch]) => ({ kind, name, ifMatch })),
  );
}

/** The profiles that the fleet's sites will use, once what it does not name is gone. */
function profilesBySite({ sites, machines }: Fleet): Record<string, string[]> {
  const bySite: Record<string, string[]> = {};
  const add = (site: string, profile: unknown) => {
    if (typeof profile === "string") (bySite[site] ??= []).push(profile);
  };
  for (const { name, document } of sites) {
    // Without its machines' files, the site keeps those that it has.
    if (machines.has(name)) bySite[name] = [];
    if (machines.has(name)) add(name, document["defaultProfile"]);
  }
  for (const [site, ofSite] of machines) {
    if (bySite[site] !== undefined) for (const { document } of ofSite) add(site, document["profile"]);
  }
  return Object.fromEntries(Object.entries(bySite).map(([site, names]) => [site, [...new Set(names)]]));
}

function withoutProfiles(sites: readonly string[]): Record<string, string[]> {
  return Object.fromEntries(sites.map((name) => [name, []]));
}

async function describe(api: ApiClient, kind: DocumentKind, item: Json): Promise<Change> {
  const name: string = item.name;
  const after = item.document;
  if (item.outcome === "created") {
    return { action: "create", kind, name, fields: compareDocuments(undefined, after) };
  }
  const present = await api.request("GET", `/${kind}s/${encodeURIComponent(name)}`);
  return { action: "change", kind, name, fields: compareDocuments(readDocument(kind, present), after) };
}

/** A document as `put` takes it, of what `GET` answers. */
export function readDocument(kind: DocumentKind, present: Json): Record<string, unknown> {
  const { name: _name, revision: _revision, updatedAt: _at, updatedBy: _by, ...document } = present;
  if (kind !== "image") return document;
  const files = Object.entries<Json>(document.files).map(([path, { sizeBytes, sha256, url }]) => [
    path,
    url === undefined ? { sha256 } : { url, sha256, sizeBytes },
  ]);
  return { ...document, files: Object.fromEntries(files) };
}
