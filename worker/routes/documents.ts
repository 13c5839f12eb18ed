import { Hono } from "hono";
import { controlObject } from "../env.ts";
import { pathName, readBody, type App, type AppContext } from "../http.ts";
import { resolveReferences } from "../pin.ts";
import { ProblemError } from "../problem.ts";
import { getRevision, putRevision } from "../revisions.ts";
import { nameSchema, profileSchema, templateSchema } from "../schemas.ts";
import { checkTemplateText } from "../site-object/render.ts";

type DocumentKind = "profile" | "template";

/** `/api/v1/profiles` and `/api/v1/templates`: a PUT makes an immutable revision and moves the head. */
export const documentRoutes = new Hono<App>()
  .put("/profiles/:name", async (c) => {
    const profile = await readBody(c, profileSchema);
    if (profile.mode === "install") await resolveReferences(c.env, profile);
    return await store(c, "profile", profile);
  })
  .put("/templates/:name", async (c) => {
    const template = await readBody(c, templateSchema);
    checkTemplateText(template.text);
    return await store(c, "template", template);
  })
  .get("/profiles", async (c) => c.json({ items: await controlObject(c.env).listHeads("profile") }))
  .get("/templates", async (c) => c.json({ items: await controlObject(c.env).listHeads("template") }))
  .get("/profiles/:name", async (c) => await show(c, "profile"))
  .get("/templates/:name", async (c) => await show(c, "template"))
  .get("/profiles/:name/revisions", async (c) => await history(c, "profile"))
  .get("/templates/:name/revisions", async (c) => await history(c, "template"))
  .delete("/profiles/:name", async (c) => await remove(c, "profile"))
  .delete("/templates/:name", async (c) => await remove(c, "template"));

async function store(c: AppContext, kind: DocumentKind, document: object): Promise<Response> {
  const name = pathName(c, "name", nameSchema);
  const revision = await putRevision(c.env.REVISIONS, kind, document);
  const { created } = await controlObject(c.env).moveHead(kind, name, revision);
  return c.json({ name, revision }, created ? 201 : 200);
}

async function show(c: AppContext, kind: DocumentKind): Promise<Response> {
  const name = pathName(c, "name", nameSchema);
  const head = await controlObject(c.env).head(kind, name);
  if (head === null) throw new ProblemError({ type: "not-found", detail: `no ${kind} "${name}"` });
  const document = await getRevision<object>(c.env.REVISIONS, kind, head.revision);
  if (document === null) {
    throw new ProblemError({
      type: "unavailable",
      detail: `${name}@${head.revision} has not arrived here yet`,
    });
  }
  return c.json({ ...head, ...document });
}

async function history(c: AppContext, kind: DocumentKind): Promise<Response> {
  const name = pathName(c, "name", nameSchema);
  return c.json({ items: await controlObject(c.env).listRevisions(kind, name) });
}

async function remove(c: AppContext, kind: DocumentKind): Promise<Response> {
  const name = pathName(c, "name", nameSchema);
  if (!(await controlObject(c.env).deleteHead(kind, name))) {
    throw new ProblemError({ type: "not-found", detail: `no ${kind} "${name}"` });
  }
  return c.body(null, 204);
}
