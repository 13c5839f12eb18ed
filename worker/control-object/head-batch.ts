import type { Profile } from "../../core/boot/model.ts";
import type { Actor } from "../access.ts";
import type { Precondition } from "../precondition.ts";
import { Faults } from "../faults.ts";
import { fail, ok, type Result } from "../problem.ts";
import type { References } from "../references.ts";
import type { RevisionKind } from "../revisions.ts";
import { recordAudit } from "./audit.ts";
import { checkProfile } from "./check-profile.ts";
import { deleteHead, findHead, moveHead } from "./heads.ts";
import { profilesNaming, putReferences } from "./references.ts";
import { setProfilesOfSite, siteNamesUsing } from "./site-profiles.ts";
import { findSite } from "./sites.ts";

/** A document by its kind and name. */
export type DocumentName = { readonly kind: RevisionKind; readonly name: string };

/** A name that is to stand for a revision; `profile`: the document, where it is one. */
export type HeadPut = DocumentName & {
  readonly revision: string;
  readonly references: References;
  readonly precondition: Precondition;
  readonly profile?: Profile;
};

export type HeadBatch = {
  readonly put: readonly HeadPut[];
  readonly delete: readonly (DocumentName & { readonly precondition: Precondition })[];
  readonly keepUsed: boolean;
  /** Profiles that sites, by their names, are taken to use: for a batch that is only tried. */
  readonly sites?: Readonly<Record<string, readonly string[]>>;
  readonly dryRun: boolean;
  readonly by: Actor;
};

/** What became of a put; `etag`: the revision before, `null` where there was none. */
export type HeadOutcome = {
  readonly outcome: "created" | "changed" | "unchanged";
  readonly etag: string | null;
};

export type ChangedHeads = {
  /** In the order of the puts. */
  readonly put: readonly HeadOutcome[];
  readonly deleted: readonly DocumentName[];
  readonly kept: readonly (DocumentName & { readonly users: readonly string[] })[];
};

/**
 * Moves and deletes heads; the caller's transaction is undone where this fails.
 * What documents name must be there at its end, and nothing must miss what goes.
 */
export function changeHeads(sql: SqlStorage, batch: HeadBatch, now: number): Result<ChangedHeads> {
  for (const [name, profiles] of Object.entries(batch.sites ?? {})) {
    const site = findSite(sql, name);
    if (site !== null) setProfilesOfSite(sql, site.document.id, [...new Set(profiles)]);
  }
  const faults = new Faults();
  const put = batch.put.map((member, i): HeadOutcome => {
    const { kind, name, revision, references, precondition } = member;
    const etag = findHead(sql, kind, name)?.revision ?? null;
    const moved = moveHead(sql, member, { by: batch.by, precondition, references }, now);
    if (!moved.ok) {
      faults.add(`put[${i}]`, moved);
      return { outcome: "unchanged", etag };
    }
    putReferences(sql, kind, revision, references);
    if (!moved.value.moved) return { outcome: "unchanged", etag };
    note(sql, batch.by, "PUT", member, now);
    return { outcome: etag === null ? "created" : "changed", etag };
  });

  const { doomed, kept } = sortOut(sql, batch);
  for (const [i, member] of batch.delete.entries()) {
    if (!doomed.has(member)) continue;
    const users = usersOf(sql, member, doomed);
    const deleted = deleteHead(sql, member.kind, member.name, member.precondition, users);
    if (deleted.ok) note(sql, batch.by, "DELETE", member, now);
    else faults.add(`delete[${i}]`, deleted);
  }
  for (const [i, { profile }] of batch.put.entries()) {
    const errors = profile === undefined ? [] : checkProfile(sql, profile);
    if (errors.length > 0)
      faults.add(`put[${i}].document`, fail("invalid", "names what there is not", errors));
  }
  const deleted = [...doomed].map(({ kind, name }) => ({ kind, name }));
  return faults.refusal() ?? ok({ put, deleted, kept });
}

type Delete = HeadBatch["delete"][number];

/** Which deletes are carried out, and which are left out because something that stays uses them. */
function sortOut(
  sql: SqlStorage,
  batch: HeadBatch,
): { doomed: ReadonlySet<Delete>; kept: ChangedHeads["kept"] } {
  const doomed = new Set(batch.delete);
  const kept: (DocumentName & { readonly users: readonly string[] })[] = [];
  if (!batch.keepUsed) return { doomed, kept };
  // What stays may use others, so that these stay as well.
  for (let before = -1; before !== kept.length;) {
    before = kept.length;
    for (const member of doomed) {
      const users = usersOf(sql, member, doomed);
      if (users.length === 0) continue;
      doomed.delete(member);
      kept.push({ kind: member.kind, name: member.name, users });
    }
  }
  return { doomed, kept };
}

/** Who would miss a document, as people are told, beside profiles that go as well. */
export function usersOf(
  sql: SqlStorage,
  { kind, name }: DocumentName,
  going: ReadonlySet<DocumentName> = new Set(),
): string[] {
  const goes = new Set([...going].flatMap((other) => (other.kind === "profile" ? [other.name] : [])));
  const profiles = profilesNaming(sql, kind, name).filter((profile) => !goes.has(profile));
  const sites = kind === "profile" ? siteNamesUsing(sql, name) : [];
  return [...profiles.map((profile) => `profile "${profile}"`), ...sites.map((site) => `site "${site}"`)];
}

function note(sql: SqlStorage, by: Actor, action: string, { kind, name }: DocumentName, now: number): void {
  recordAudit(sql, { by: { id: by.id, name: by.name }, action, target: `/${kind}s/${name}` }, now);
}
