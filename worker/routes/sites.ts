import { Hono } from "hono";
import { controlObject, siteObject } from "../env.ts";
import { mayEnter } from "../access.ts";
import { noSite, type Site, type Tagged } from "../control-object/sites.ts";
import {
  pageJson,
  pageOfAllJson,
  pathName,
  preconditionOf,
  queryInteger,
  readBody,
  taggedJson,
  type App,
  type AppContext,
} from "../http.ts";
import { checkPrecondition } from "../precondition.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { bootTokenSchema, nameSchema, siteSchema, siteUpdateSchema } from "../schemas.ts";

/**
 * The site that the path names.
 *
 * @throws ProblemError `not-found`, the same where the caller's token is for other sites
 */
export async function siteOfPath(c: AppContext): Promise<Site> {
  return (await taggedSiteOfPath(c)).document;
}

async function taggedSiteOfPath(c: AppContext): Promise<Tagged<Site>> {
  const name = pathName(c, "site", nameSchema);
  const site = unwrap(await controlObject(c.env).getSite(name));
  return mayEnter(c.get("caller"), site.document.id) ? site : unwrap(noSite(name));
}

/** `/api/v1/sites`: sites, their relays and their events. */
export const siteRoutes = new Hono<App>()
  .get("/", async (c) => {
    const ids = c.get("caller").siteIds;
    return await pageJson(
      c,
      async (page) => await controlObject(c.env).listSites({ ...page, ids }),
      (site) => site.name,
    );
  })

  .post("/", async (c) => {
    const { name, ...settings } = await readBody(c, siteSchema);
    const create = { ifMatch: null, ifNoneMatch: "*" } as const;
    const result = await controlObject(c.env).putSite(name, settings, create);
    if (!result.ok) {
      const errors = [{ field: "name", message: "is taken" }];
      throw new ProblemError({ type: "conflict", detail: `there is a site "${name}" already`, errors });
    }
    const { document: site, etag } = result.value;
    await siteObject(c.env, site.id).configure(site);
    return taggedJson(c, etag, site, 201);
  })

  .put("/:site", async (c) => {
    const name = pathName(c, "site", nameSchema);
    const { name: _name, ...settings } = await readBody(c, siteUpdateSchema);
    // Whose token is for some sites only can make no new one.
    if (c.get("caller").siteIds !== null) await siteOfPath(c);
    const {
      document: site,
      etag,
      created,
    } = unwrap(await controlObject(c.env).putSite(name, settings, preconditionOf(c)));
    await siteObject(c.env, site.id).configure(site);
    return taggedJson(c, etag, site, created ? 201 : 200);
  })

  .get("/:site", async (c) => {
    const { document, etag } = await taggedSiteOfPath(c);
    return taggedJson(c, etag, document);
  })

  .delete("/:site", async (c) => {
    const { document: site, etag } = await taggedSiteOfPath(c);
    unwrap(checkPrecondition(preconditionOf(c), etag));
    // First the site itself, which then takes no more machines; should the second step fail, it can be repeated.
    unwrap(await siteObject(c.env, site.id).close());
    await controlObject(c.env).deleteSite(site.id);
    return c.body(null, 204);
  })

  .post("/:site/join-tokens", async (c) => {
    const site = await siteOfPath(c);
    return c.json(await siteObject(c.env, site.id).createJoinToken(), 201);
  })

  .post("/:site/boot-tokens", async (c) => {
    const { description } = await readBody(c, bootTokenSchema);
    const site = await siteOfPath(c);
    return c.json(await siteObject(c.env, site.id).createBootToken(description), 201);
  })

  .get("/:site/boot-tokens", async (c) => {
    const site = await siteOfPath(c);
    const tokens = await siteObject(c.env, site.id).listBootTokens();
    return await pageOfAllJson(c, tokens, (token) => token.id);
  })

  .delete("/:site/boot-tokens/:id", async (c) => {
    const site = await siteOfPath(c);
    unwrap(await siteObject(c.env, site.id).deleteBootToken(c.req.param("id")));
    return c.body(null, 204);
  })

  .get("/:site/relays", async (c) => {
    const site = await siteOfPath(c);
    const relays = await siteObject(c.env, site.id).listRelays();
    return await pageOfAllJson(c, relays, (relay) => relay.id);
  })

  .delete("/:site/relays/:id", async (c) => {
    const site = await siteOfPath(c);
    unwrap(await siteObject(c.env, site.id).deleteRelay(c.req.param("id")));
    return c.body(null, 204);
  })

  .get("/:site/events", async (c) => {
    const site = await siteOfPath(c);
    const limit = queryInteger(c, "limit", 100, 1_000);
    const items = await siteObject(c.env, site.id).listEvents(queryInteger(c, "after", 0, Infinity), limit);
    return c.json({ items, next: items.at(-1)?.seq ?? null });
  });
