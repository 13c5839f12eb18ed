import { ApiRoutes } from "../api/api-routes.ts";
import { joinedRelaySchema } from "../api/responses/sites.ts";
import { parseSiteCredential } from "../credentials.ts";
import { siteObject } from "../env.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { joinSchema } from "../schemas/site.ts";

/** `/api/v1/relays/join`: the one call without a credential. */
export const joinRoutes = new ApiRoutes().add(
  {
    method: "post",
    path: "/relays/join",
    id: "joinRelay",
    tag: "relays",
    summary: "Join a relay by its token",
    public: true,
    body: joinSchema,
    responses: { 201: { description: "The relay's credential", schema: joinedRelaySchema } },
    problems: ["unauthorized"],
  },
  async (c, { body }) => {
    const credential = await parseSiteCredential("pxj", body.token);
    if (credential === undefined) {
      throw new ProblemError({ type: "unauthorized", detail: "this is not a join token (pxj_…)" });
    }
    return c.json(unwrap(await siteObject(c.env, credential.siteId).joinRelay(credential)), 201);
  },
);
