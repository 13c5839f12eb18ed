import { Hono } from "hono";
import { controlObject, siteObject } from "../env.ts";
import type { Site } from "../control-object/control-object.ts";
import { pathName, queryInteger, readBody, type App, type AppContext } from "../http.ts";
import { unwrap } from "../problem.ts";
import { bootTokenSchema, nameSchema, siteSchema, siteUpdateSchema } from "../schemas.ts";

/** The site that the path names. */
export async function siteOfPath(c: AppContext): Promise<Site> {
  return unwrap(await controlObject(c.env).getSite(pathName(c, "site", nameSchema)));
}

/** `/api/v1/sites`: sites, their relays and their events. */
export const siteRoutes = new Hono<App>()
  .get("/", async (c) => c.json({ items: await controlObject(c.env).listSites() }))

  .post("/", async (c) => {
    const { name, ...settings } = await readBody(c, siteSchema);
    const site = unwrap(await controlObject(c.env).createSite(name, settings));
    await siteObject(c.env, site.id).configure(site);
    return c.json(site, 201);
  })

  .put("/:site", async (c) => {
    const name = pathName(c, "site", nameSchema);
    const { name: _name, ...settings } = await readBody(c, siteUpdateSchema);
    const { site, created } = await controlObject(c.env).putSite(name, settings);
    await siteObject(c.env, site.id).configure(site);
    return c.json(site, created ? 201 : 200);
  })

  .get("/:site", async (c) => c.json(await siteOfPath(c)))

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
    return c.json({ items: await siteObject(c.env, site.id).listBootTokens() });
  })

  .delete("/:site/boot-tokens/:id", async (c) => {
    const site = await siteOfPath(c);
    unwrap(await siteObject(c.env, site.id).deleteBootToken(c.req.param("id")));
    return c.body(null, 204);
  })

  .get("/:site/relays", async (c) => {
    const site = await siteOfPath(c);
    return c.json({ items: await siteObject(c.env, site.id).listRelays() });
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
