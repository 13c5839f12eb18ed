import type { Actor } from "./access.ts";
import { checkTemplateText } from "./check-template.ts";
import type { ChangedHeads, HeadPut } from "./control-object/head-batch.ts";
import { controlObject, type Env } from "./env.ts";
import { Faults } from "./faults.ts";
import { preconditionOfTag } from "./precondition.ts";
import { fail, ProblemError, unwrap } from "./problem.ts";
import { profileReferences, templateReferences, type References } from "./references.ts";
import { isPresentImage, missingFiles, resolveImage } from "./resolve-image.ts";
import { getRevision, putRevision, revisionOf } from "./revisions.ts";
import type { DocumentBatch, DocumentPut } from "./schemas/document-batch.ts";
import type { ImageManifest } from "./site-object/pinned.ts";

/** What a put makes a name stand for; `document` is what is stored under the revision. */
type Prepared = { readonly head: HeadPut; readonly document: object | null };

/** What became, or would become, of a batch. */
export type BatchOutcome = ChangedHeads & {
  /** In the order of the puts; `null`: of an image that is only tried, whose files are not read yet. */
  readonly revisions: readonly (string | null)[];
  /** Hashes of the files that have to be uploaded first. Only a dry run has some: else they are a fault. */
  readonly missingFiles: readonly string[];
  /** Names of the secrets that the templates name. */
  readonly secrets: readonly string[];
};

/** Stands for the revision of what cannot be stored yet, in a transaction that is undone. */
const NO_REVISION = "";

/**
 * Puts and deletes profiles, templates and images at once, or tries to.
 *
 * @throws ProblemError with every fault of every member
 */
export async function changeDocuments(env: Env, batch: DocumentBatch, by: Actor): Promise<BatchOutcome> {
  const faults = new Faults();
  findRepeated(batch, faults);
  const prepared: Prepared[] = [];
  for (const [i, member] of batch.put.entries()) {
    prepared.push(
      await prepare(env, member, batch.dryRun, (refused) => faults.add(`put[${i}].document`, refused)),
    );
  }
  const early = faults.refusal();
  if (early !== null && !batch.dryRun) unwrap(early);
  if (!batch.dryRun) await storeRevisions(env, prepared);

  const changed = await controlObject(env).changeHeads({
    put: prepared.map(({ head }) => head),
    delete: batch.delete.map(({ kind, name, ifMatch }) => ({
      kind,
      name,
      precondition: preconditionOfTag(ifMatch),
    })),
    keepUsed: batch.keepUsed,
    ...(batch.sites && { sites: batch.sites }),
    dryRun: batch.dryRun,
    by: { id: by.id, name: by.name },
  });
  // What the documents themselves are, and what they name, is told at once.
  if (!changed.ok) faults.addAll(changed);
  const refusal = faults.refusal();
  if (refusal !== null) unwrap(refusal);
  const images = batch.put.flatMap((member) => (member.kind === "image" ? [member.document] : []));
  return {
    ...unwrap(changed),
    revisions: prepared.map(({ head }) => (head.revision === NO_REVISION ? null : head.revision)),
    missingFiles: batch.dryRun ? await missingFiles(env, images) : [],
    secrets: [...new Set(prepared.flatMap(({ head }) => head.references.secrets ?? []))].sort(),
  };
}

function findRepeated({ put, delete: deletes }: DocumentBatch, faults: Faults): void {
  const seen = new Set<string>();
  for (const [list, members] of Object.entries({ put, delete: deletes })) {
    for (const [i, { kind, name }] of members.entries()) {
      const key = `${kind} ${name}`;
      if (seen.has(key)) {
        const message = `${kind} "${name}" is there twice`;
        faults.add(`${list}[${i}]`, fail("invalid", message, [{ field: "name", message }]));
      }
      seen.add(key);
    }
  }
}

async function prepare(
  env: Env,
  member: DocumentPut,
  dryRun: boolean,
  refuse: (refused: ReturnType<typeof fail>) => void,
): Promise<Prepared> {
  const { kind, name, ifMatch } = member;
  const precondition = preconditionOfTag(ifMatch);
  const head = { kind, name, precondition };
  const unusable = { head: { ...head, revision: NO_REVISION, references: {} }, document: null };
  const ready = async (document: object, references: References): Promise<Prepared> => {
    const revision = await revisionOf(kind, document);
    return { head: { ...head, revision, references }, document };
  };
  try {
    switch (member.kind) {
      case "template":
        checkTemplateText(member.document.text);
        return await ready(member.document, templateReferences(member.document.text));
      case "profile": {
        const { document } = member;
        const { head, ...rest } = await ready(document, profileReferences(document));
        return { ...rest, head: { ...head, profile: document } };
      }
      case "image": {
        if (!dryRun) return await ready(await resolveImage(env, name, member.document), {});
        const present = await presentImage(env, name);
        return present !== null && isPresentImage(present, member.document)
          ? await ready(present, {})
          : unusable;
      }
    }
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    refuse({ ok: false, problem: error.problem });
    return unusable;
  }
}

async function presentImage(env: Env, name: string): Promise<ImageManifest | null> {
  const head = await controlObject(env).head("image", name);
  return head && (await getRevision<ImageManifest>(env.REVISIONS, "image", head.revision));
}

async function storeRevisions(env: Env, prepared: readonly Prepared[]): Promise<void> {
  await Promise.all(
    prepared.map(async ({ head, document }) => {
      if (document !== null) await putRevision(env.REVISIONS, head.kind, document);
    }),
  );
}
