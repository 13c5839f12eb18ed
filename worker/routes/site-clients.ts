import { ApiRoutes } from "../api/api-routes.ts";
import { IN_SITE, PAGE, SITE_AND_ID } from "../api/parameters.ts";
import {
  bootTokenPageSchema,
  discoveredPageSchema,
  joinTokenSchema,
  newBootTokenSchema,
  relayPageSchema,
  relaySchema,
} from "../api/responses/sites.ts";
import { siteObject } from "../env.ts";
import { pageJson, pageOfAllJson, type AppContext } from "../http.ts";
import { unwrap } from "../problem.ts";
import { bootTokenSchema } from "../schemas/site.ts";
import { requireSite } from "./sites.ts";

async function objectOf(c: AppContext, { site }: { site: string }) {
  return siteObject(c.env, (await requireSite(c, site)).id);
}

/** `/api/v1/sites/:site`: its relays, the tokens of machines without one, and who was seen there unknown. */
export const siteClientRoutes = new ApiRoutes()
  .add(
    {
      method: "post",
      path: "/sites/{site}/join-tokens",
      id: "createJoinToken",
      tag: "relays",
      summary: "Make a token that joins one relay, once, within a day",
      params: IN_SITE,
      responses: { 201: { description: "The token, which is stored as a hash", schema: joinTokenSchema } },
    },
    async (c, { params }) => c.json(await (await objectOf(c, params)).createJoinToken(), 201),
  )

  .add(
    {
      method: "get",
      path: "/sites/{site}/relays",
      id: "listRelays",
      tag: "relays",
      summary: "List a site's relays",
      params: IN_SITE,
      query: PAGE,
      responses: { 200: { description: "In the order in which they joined", schema: relayPageSchema } },
    },
    async (c, { params, query }) =>
      pageOfAllJson(c, query, await (await objectOf(c, params)).listRelays(), (relay) => relay.id),
  )

  .add(
    {
      method: "get",
      path: "/sites/{site}/relays/{id}",
      id: "getRelay",
      tag: "relays",
      summary: "A relay",
      params: SITE_AND_ID,
      responses: { 200: { description: "Since when, and when it was last heard of", schema: relaySchema } },
    },
    async (c, { params }) => c.json(unwrap(await (await objectOf(c, params)).getRelay(params.id))),
  )

  .add(
    {
      method: "delete",
      path: "/sites/{site}/relays/{id}",
      id: "deleteRelay",
      tag: "relays",
      summary: "Revoke a relay",
      params: SITE_AND_ID,
      responses: { 204: { description: "Its key works no more" } },
    },
    async (c, { params }) => {
      unwrap(await (await objectOf(c, params)).deleteRelay(params.id));
      return c.body(null, 204);
    },
  )

  .add(
    {
      method: "post",
      path: "/sites/{site}/boot-tokens",
      id: "createBootToken",
      tag: "relays",
      summary: "Make a token for machines without a relay",
      description: "They boot from `/s/TOKEN/boot.ipxe`.",
      params: IN_SITE,
      body: bootTokenSchema,
      responses: { 201: { description: "The token, which is stored as a hash", schema: newBootTokenSchema } },
    },
    async (c, { params, body }) =>
      c.json(await (await objectOf(c, params)).createBootToken(body.description), 201),
  )

  .add(
    {
      method: "get",
      path: "/sites/{site}/boot-tokens",
      id: "listBootTokens",
      tag: "relays",
      summary: "List boot tokens",
      params: IN_SITE,
      query: PAGE,
      responses: { 200: { description: "Oldest first", schema: bootTokenPageSchema } },
    },
    async (c, { params, query }) =>
      pageOfAllJson(c, query, await (await objectOf(c, params)).listBootTokens(), (token) => token.id),
  )

  .add(
    {
      method: "delete",
      path: "/sites/{site}/boot-tokens/{id}",
      id: "deleteBootToken",
      tag: "relays",
      summary: "Revoke a boot token",
      params: SITE_AND_ID,
      responses: { 204: { description: "It works no more" } },
    },
    async (c, { params }) => {
      unwrap(await (await objectOf(c, params)).deleteBootToken(params.id));
      return c.body(null, 204);
    },
  )

  .add(
    {
      method: "get",
      path: "/sites/{site}/discovered",
      id: "listDiscovered",
      tag: "sites",
      summary: "Unknown machines that the relay saw, where the policy is `discover`",
      params: IN_SITE,
      query: PAGE,
      responses: { 200: { description: "By MAC", schema: discoveredPageSchema } },
    },
    async (c, { params, query }) => {
      const site = await objectOf(c, params);
      return await pageJson(
        c,
        query,
        async ({ after, limit }) => await site.listDiscovered(after, limit),
        (machine) => machine.mac,
      );
    },
  );
