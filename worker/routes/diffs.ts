import { ApiRoutes } from "../api/api-routes.ts";
import { BY_NAME, PAGE } from "../api/parameters.ts";
import { diffSchema } from "../api/responses/diff.ts";
import type { Profile } from "../../core/boot/model.ts";
import { mayEnter } from "../access.ts";
import { checkTemplateText } from "../check-template.ts";
import { compareMachines, type Comparison } from "../diff/compare-machines.ts";
import { loadSide, type Side } from "../diff/side.ts";
import { controlObject } from "../env.ts";
import type { AppContext, Page } from "../http.ts";
import { checkReferences, presentProfile } from "../pin.ts";
import { revisionOf, type RevisionKind } from "../revisions.ts";
import { profileDiffSchema, templateDiffSchema } from "../schemas/diff.ts";
import type { TemplateDocument } from "../schemas/documents.ts";
import { requirePastRevision } from "../stored-documents.ts";

const RESPONSES = {
  200: { description: "By site and machine; the diffs once for all that have the same", schema: diffSchema },
} as const;
const DESCRIPTION =
  "Of all machines that would boot it, by themselves, a menu or after a failure. Nothing is stored, minted or armed; " +
  "secrets are masked. Armed machines keep what was pinned, whatever this says.";

/** `/api/v1/{profiles,templates}/:name/diff`: what a change does to whom, before the head moves. */
export const diffRoutes = new ApiRoutes()
  .add(
    {
      method: "post",
      path: "/profiles/{name}/diff",
      id: "diffProfile",
      tag: "profiles",
      summary: "What machines would be served by another revision",
      description: DESCRIPTION,
      params: BY_NAME,
      query: PAGE,
      body: profileDiffSchema,
      responses: RESPONSES,
    },
    async (c, { params: { name }, query, body }) => {
      if (body.document !== undefined) await checkReferences(c.env, body.document);
      const { from, to } = await bothRevisions<Profile>(c, "profile", name, body, body.document);
      const side = async (one: Revised<Profile> | null): Promise<Side> =>
        one === null ? { kind: "absent" } : await loadSide(c.env, { name, ...one }, {});
      const sides = { from: await side(from), to: await side(to) };
      return await answer(c, { kind: "profile", name, from, to, page: query }, async () => sides);
    },
  )

  .add(
    {
      method: "post",
      path: "/templates/{name}/diff",
      id: "diffTemplate",
      tag: "templates",
      summary: "What machines would be served by another revision",
      description: DESCRIPTION,
      params: BY_NAME,
      query: PAGE,
      body: templateDiffSchema,
      responses: RESPONSES,
    },
    async (c, { params: { name }, query, body }) => {
      if (body.text !== undefined) checkTemplateText(body.text);
      const candidate = body.text === undefined ? undefined : { text: body.text };
      const { from, to } = await bothRevisions<TemplateDocument>(c, "template", name, body, candidate);
      return await answer(c, { kind: "template", name, from, to, page: query }, async (profile) => {
        const present = await presentProfile(c.env, profile);
        const side = async (one: Revised<TemplateDocument> | null): Promise<Side> =>
          one === null
            ? { kind: "absent" }
            : await loadSide(c.env, present, { [name]: { revision: one.revision, text: one.document.text } });
        return { from: await side(from), to: await side(to) };
      });
    },
  );

type Revised<T> = { readonly revision: string; readonly document: T };

/** What is compared: `from` is `null` where the name stands for nothing. */
async function bothRevisions<T extends object>(
  c: AppContext,
  kind: RevisionKind,
  name: string,
  asked: { readonly from?: string | undefined; readonly to?: string | undefined },
  candidate: T | undefined,
): Promise<{ from: Revised<T> | null; to: Revised<T> }> {
  const past = async (revision: string, field: string): Promise<Revised<T>> => ({
    revision,
    document: await requirePastRevision<T>(c, { kind, name, revision, field }),
  });
  const fromRevision = asked.from ?? (await controlObject(c.env).head(kind, name))?.revision;
  const from = fromRevision === undefined ? null : await past(fromRevision, "from");
  if (candidate === undefined) return { from, to: await past(asked.to!, "to") };
  return { from, to: { revision: await revisionOf(kind, candidate), document: candidate } };
}

async function answer(
  c: AppContext,
  asked: {
    readonly kind: "profile" | "template";
    readonly name: string;
    readonly from: Revised<object> | null;
    readonly to: Revised<object>;
    readonly page: Page;
  },
  sidesOf: (profile: string) => Promise<{ from: Side; to: Side }>,
): Promise<Response> {
  const { uses, sites } = await controlObject(c.env).usesOf(asked.kind, asked.name);
  const comparisons: Comparison[] = [];
  for (const use of uses) comparisons.push({ ...use, ...(await sidesOf(use.profile)) });
  const entered = sites.filter(({ id }) => mayEnter(c.get("caller"), id));
  const page = await compareMachines(c.env, comparisons, entered, asked.page);
  return c.json({ from: asked.from?.revision ?? null, to: asked.to.revision, ...page });
}
