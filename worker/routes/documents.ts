import { Hono } from "hono";
import type { Profile } from "../../core/boot/model.ts";
import { controlObject } from "../env.ts";
import {
  pageJson,
  pathName,
  preconditionOf,
  readBody,
  taggedJson,
  type App,
  type AppContext,
} from "../http.ts";
import { resolveReferences } from "../pin.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { getRevision, putRevision, type RevisionKind } from "../revisions.ts";
import { nameSchema, profileSchema, rollbackSchema, templateSchema } from "../schemas.ts";
import { checkTemplateText } from "../site-object/render.ts";

/** `/api/v1/profiles` and `/api/v1/templates`: a PUT makes an immutable revision and moves the head. */
export const documentRoutes = new Hono<App>()
  .put("/profiles/:name", async (c) => {
    const profile = await readBody(c, profileSchema);
    if (profile.mode === "install") await resolveReferences(c.env, profile);
    return await storeDocument(c, "profile", profile);
  })
  .put("/templates/:name", async (c) => {
    const template = await readBody(c, templateSchema);
    checkTemplateText(template.text);
    return await storeDocument(c, "template", template);
  })
  .get("/profiles/:name", async (c) => await show(c, "profile"))
  .get("/templates/:name", async (c) => await show(c, "template"));

for (const kind of ["profile", "template", "image"] as const) {
  documentRoutes
    .get(`/${kind}s`, async (c) =>
      pageJson(
        c,
        async (page) => await controlObject(c.env).listHeads(kind, page),
        (head) => head.name,
      ),
    )
    .get(`/${kind}s/:name/revisions`, async (c) => {
      const name = pathName(c, "name", nameSchema);
      return await pageJson(
        c,
        async (page) => await controlObject(c.env).listRevisions(kind, name, page),
        (item) => item.revision,
      );
    })
    .post(`/${kind}s/:name/rollback`, async (c) => await rollBack(c, kind))
    .delete(`/${kind}s/:name`, async (c) => {
      const name = pathName(c, "name", nameSchema);
      unwrap(await controlObject(c.env).deleteHead(kind, name, preconditionOf(c)));
      return c.body(null, 204);
    });
}

/** Stores a revision and lets the path's name stand for it. */
export async function storeDocument(c: AppContext, kind: RevisionKind, document: object): Promise<Response> {
  const name = pathName(c, "name", nameSchema);
  return await moveHead(c, kind, name, await putRevision(c.env.REVISIONS, kind, document));
}

/**
 * A document by the revision that its name stands for.
 *
 * @throws ProblemError `not-found`; `unavailable` where the revision has not arrived in this place's KV yet
 */
export async function readDocument<T extends object>(c: AppContext, kind: RevisionKind) {
  const name = pathName(c, "name", nameSchema);
  const head = await controlObject(c.env).head(kind, name);
  if (head === null) throw new ProblemError({ type: "not-found", detail: `no ${kind} "${name}"` });
  return { head, document: await requireDocument<T>(c, kind, name, head.revision) };
}

async function show(c: AppContext, kind: RevisionKind): Promise<Response> {
  const { head, document } = await readDocument(c, kind);
  return taggedJson(c, head.revision, { ...head, ...document });
}

/** Lets a name stand for one of its earlier revisions, which must still make sense. */
async function rollBack(c: AppContext, kind: RevisionKind): Promise<Response> {
  const name = pathName(c, "name", nameSchema);
  const { revision } = await readBody(c, rollbackSchema);
  if (!(await controlObject(c.env).hasRevision(kind, name, revision))) {
    const message = `${kind} "${name}" never was "${revision}"`;
    throw new ProblemError({ type: "invalid", detail: message, errors: [{ field: "revision", message }] });
  }
  const document = await requireDocument<Profile>(c, kind, name, revision);
  if (kind === "profile") await resolveReferences(c.env, document);
  return await moveHead(c, kind, name, revision);
}

async function moveHead(
  c: AppContext,
  kind: RevisionKind,
  name: string,
  revision: string,
): Promise<Response> {
  const change = { by: c.get("caller"), precondition: preconditionOf(c) };
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
