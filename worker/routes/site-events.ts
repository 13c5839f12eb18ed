import { ApiRoutes } from "../api/api-routes.ts";
import { IN_SITE, LOG_PAGE, MACHINE, TIMELINE_PAGE } from "../api/parameters.ts";
import { eventLogSchema } from "../api/responses/attempts.ts";
import { siteObject } from "../env.ts";
import { logJson } from "../http.ts";
import { unwrap } from "../problem.ts";
import { requireSite } from "./sites.ts";

/** `/api/v1/sites/:site/events` and `…/timeline`. */
export const eventRoutes = new ApiRoutes()
  .add(
    {
      method: "get",
      path: "/sites/{site}/events",
      id: "listEvents",
      tag: "events",
      summary: "What happened at a site",
      params: IN_SITE,
      query: LOG_PAGE,
      responses: { 200: { description: "After a position", schema: eventLogSchema } },
    },
    async (c, { params, query: { after, limit } }) => {
      const site = await requireSite(c, params.site);
      return logJson(c, await siteObject(c.env, site.id).listEvents(after, limit));
    },
  )

  .add(
    {
      method: "get",
      path: "/sites/{site}/machines/{id}/timeline",
      id: "getTimeline",
      tag: "events",
      summary: "What happened to a machine",
      params: MACHINE,
      query: TIMELINE_PAGE,
      responses: { 200: { description: "After a position", schema: eventLogSchema } },
    },
    async (c, { params, query: { after, limit } }) => {
      const site = await requireSite(c, params.site);
      return logJson(c, unwrap(await siteObject(c.env, site.id).timeline(params.id, after, limit)));
    },
  );
