import type { Profile } from "../core/boot/model.ts";
import { controlObject } from "./env.ts";
import { preconditionOf, taggedJson, type AppContext } from "./http.ts";
import { checkReferences } from "./pin.ts";
import { ProblemError, unwrap } from "./problem.ts";
import { profileReferences, templateReferences, type References } from "./references.ts";
import { getRevision, putRevision, type RevisionKind } from "./revisions.ts";
import type { TemplateDocument } from "./schemas/documents.ts";
import type { ImageManifest } from "./site-object/pinned.ts";

/** Stores a revision and lets a name stand for it. */
export async function storeDocument(
  c: AppContext,
  kind: RevisionKind,
  name: string,
  document: object,
  references: References,
): Promise<Response> {
  const revision = await putRevision(c.env.REVISIONS, kind, document);
  return await moveHead(c, { kind, name, revision, references });
}

/**
 * A document by the revision that its name stands for.
 *
 * @throws ProblemError `not-found`; `unavailable` where the revision has not arrived in this place's KV yet
 */
export async function readDocument<T extends object>(c: AppContext, kind: RevisionKind, name: string) {
  const head = await controlObject(c.env).head(kind, name);
  if (head === null) throw new ProblemError({ type: "not-found", detail: `no ${kind} "${name}"` });
  return { head, document: await requireDocument<T>(c, kind, name, head.revision) };
}

export async function showDocument(c: AppContext, kind: RevisionKind, name: string): Promise<Response> {
  const { head, document } = await readDocument(c, kind, name);
  return taggedJson(c, head.revision, { ...head, ...document });
}

/** Lets a name stand for one of its earlier revisions, which must still make sense. */
export async function rollBack(
  c: AppContext,
  kind: RevisionKind,
  name: string,
  revision: string,
): Promise<Response> {
  const past = { kind, name, revision, field: "revision" };
  const document = await requirePastRevision<Profile | TemplateDocument | ImageManifest>(c, past);
  let references: References = {};
  if (kind === "profile") {
    await checkReferences(c.env, document as Profile);
    references = profileReferences(document as Profile);
  } else if (kind === "template") {
    references = templateReferences((document as TemplateDocument).text);
  }
  return await moveHead(c, { kind, name, revision, references });
}

/**
 * One of the documents that a name ever stood for.
 *
 * @throws ProblemError `invalid`, naming `field`, where it never stood for that one; `unavailable`
 *   where the revision has not arrived in this place's KV yet
 */
export async function requirePastRevision<T extends object>(
  c: AppContext,
  past: { kind: RevisionKind; name: string; revision: string; field: string },
): Promise<T> {
  const { kind, name, revision, field } = past;
  if (!(await controlObject(c.env).hasRevision(kind, name, revision))) {
    const message = `${kind} "${name}" never was "${revision}"`;
    throw new ProblemError({ type: "invalid", detail: message, errors: [{ field, message }] });
  }
  return await requireDocument<T>(c, kind, name, revision);
}

async function moveHead(
  c: AppContext,
  head: { kind: RevisionKind; name: string; revision: string; references: References },
): Promise<Response> {
  const { kind, name, revision, references } = head;
  const change = { by: c.get("caller"), precondition: preconditionOf(c), references };
  const { created, moved } = unwrap(await controlObject(c.env).moveHead(kind, name, revision, change));
  c.set("auditDetail", { revision, moved });
  return taggedJson(c, revision, { name, revision }, created ? 201 : 200);
}

async function requireDocument<T extends object>(
  c: AppContext,
  kind: RevisionKind,
  name: string,
  revision: string,
): Promise<T> {
  const document = await getRevision<T>(c.env.REVISIONS, kind, revision);
  if (document !== null) return document;
  const detail = `${name}@${revision} has not arrived in this place's KV yet; try again in a minute`;
  throw new ProblemError({ type: "unavailable", detail });
}
