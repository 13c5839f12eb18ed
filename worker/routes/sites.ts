import { ApiRoutes } from "../api/api-routes.ts";
import { DRY_RUN, IN_SITE, PAGE } from "../api/parameters.ts";
import { sitePageSchema, siteSchema as siteDocumentSchema } from "../api/responses/sites.ts";
import { controlObject, siteObject } from "../env.ts";
import { mayEnter } from "../access.ts";
import { noSite, type Site, type Tagged } from "../control-object/sites.ts";
import { pageJson, preconditionOf, taggedJson, type AppContext } from "../http.ts";
import { checkPrecondition } from "../precondition.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { siteSchema, siteUpdateSchema } from "../schemas/site.ts";

/**
 * The site of this name.
 *
 * @throws ProblemError `not-found`, the same where the caller's token is for other sites
 */
export async function requireSite(c: AppContext, name: string): Promise<Site> {
  return (await requireTaggedSite(c, name)).document;
}

async function requireTaggedSite(c: AppContext, name: string): Promise<Tagged<Site>> {
  const site = unwrap(await controlObject(c.env).getSite(name));
  return mayEnter(c.get("caller"), site.document.id) ? site : unwrap(noSite(name));
}

/** `/api/v1/sites`. */
export const siteRoutes = new ApiRoutes()
  .add(
    {
      method: "get",
      path: "/sites",
      id: "listSites",
      tag: "sites",
      summary: "List the sites that the token is for",
      query: PAGE,
      responses: { 200: { description: "By name", schema: sitePageSchema } },
    },
    async (c, { query }) => {
      const ids = c.get("caller").siteIds;
      return await pageJson(
        c,
        query,
        async (page) => await controlObject(c.env).listSites({ ...page, ids }),
        (site) => site.name,
      );
    },
  )

  .add(
    {
      method: "post",
      path: "/sites",
      id: "createSite",
      tag: "sites",
      summary: "Create a site",
      body: siteSchema,
      responses: { 201: { description: "It is new", schema: siteDocumentSchema, tagged: true } },
      problems: ["conflict"],
    },
    async (c, { body: { name, ...settings } }) => {
      const create = { ifMatch: null, ifNoneMatch: "*" } as const;
      const result = await controlObject(c.env).putSite(name, settings, create);
      if (!result.ok) {
        const errors = [{ field: "name", message: "is taken" }];
        throw new ProblemError({ type: "conflict", detail: `there is a site "${name}" already`, errors });
      }
      const { document: site, etag } = result.value;
      await siteObject(c.env, site.id).configure(site);
      return taggedJson(c, etag, site, 201);
    },
  )

  .add(
    {
      method: "put",
      path: "/sites/{site}",
      id: "putSite",
      tag: "sites",
      summary: "Create or replace a site",
      params: IN_SITE,
      query: DRY_RUN,
      body: siteUpdateSchema,
      conditional: true,
      responses: {
        200: { description: "It was there", schema: siteDocumentSchema, tagged: true },
        201: { description: "It is new", schema: siteDocumentSchema, tagged: true },
      },
    },
    async (c, { params: { site: name }, query, body: { name: _name, ...settings } }) => {
      // Whose token is for some sites only can make no new one.
      if (c.get("caller").siteIds !== null) await requireSite(c, name);
      const {
        document: site,
        etag,
        created,
      } = unwrap(await controlObject(c.env).putSite(name, settings, preconditionOf(c), query));
      if (query.dryRun) c.set("dryRun", true);
      else await siteObject(c.env, site.id).configure(site);
      return taggedJson(c, etag, site, created ? 201 : 200);
    },
  )

  .add(
    {
      method: "get",
      path: "/sites/{site}",
      id: "getSite",
      tag: "sites",
      summary: "A site",
      params: IN_SITE,
      conditional: true,
      responses: { 200: { description: "Its document", schema: siteDocumentSchema, tagged: true } },
    },
    async (c, { params }) => {
      const { document, etag } = await requireTaggedSite(c, params.site);
      return taggedJson(c, etag, document);
    },
  )

  .add(
    {
      method: "delete",
      path: "/sites/{site}",
      id: "deleteSite",
      tag: "sites",
      summary: "Delete a site that has no machines",
      params: IN_SITE,
      conditional: true,
      responses: { 204: { description: "Its relays' credentials are good no more" } },
      problems: ["conflict"],
    },
    async (c, { params }) => {
      const { document: site, etag } = await requireTaggedSite(c, params.site);
      unwrap(checkPrecondition(preconditionOf(c), etag));
      // First the site itself, which then takes no more machines; should the second step fail, it can be repeated.
      unwrap(await siteObject(c.env, site.id).close());
      await controlObject(c.env).deleteSite(site.id);
      return c.body(null, 204);
    },
  );
