import { ApiRoutes } from "../api/api-routes.ts";
import { BY_ID, PAGE } from "../api/parameters.ts";
import { newTokenSchema, tokenInfoSchema, tokenPageSchema } from "../api/responses/access.ts";
import { controlObject } from "../env.ts";
import { pageJson } from "../http.ts";
import { unwrap } from "../problem.ts";
import { tokenSchema } from "../schemas/access.ts";

/** `/api/v1/tokens`. A token is shown once, when it is made. */
export const tokenRoutes = new ApiRoutes()
  .add(
    {
      method: "post",
      path: "/tokens",
      id: "createToken",
      tag: "access",
      summary: "Make an API token",
      body: tokenSchema,
      responses: { 201: { description: "The token, which is stored as a hash", schema: newTokenSchema } },
    },
    async (c, { body: { name, role, sites, expiresInSeconds } }) => {
      const token = unwrap(
        await controlObject(c.env).createToken({
          name,
          role,
          sites: sites ?? null,
          expiresAt: expiresInSeconds === undefined ? null : Date.now() + expiresInSeconds * 1_000,
          by: c.get("caller"),
        }),
      );
      c.set("auditDetail", { token: token.id, name, role, sites: sites?.join(",") ?? "all" });
      return c.json(token, 201);
    },
  )

  .add(
    {
      method: "get",
      path: "/tokens",
      id: "listTokens",
      tag: "access",
      summary: "List API tokens",
      query: PAGE,
      responses: { 200: { description: "By id", schema: tokenPageSchema } },
    },
    async (c, { query }) =>
      await pageJson(
        c,
        query,
        async (page) => await controlObject(c.env).listTokens(page),
        (token) => token.id,
      ),
  )

  .add(
    {
      method: "get",
      path: "/tokens/{id}",
      id: "getToken",
      tag: "access",
      summary: "An API token, without the token itself",
      params: BY_ID,
      responses: { 200: { description: "What it is for", schema: tokenInfoSchema } },
    },
    async (c, { params }) => c.json(unwrap(await controlObject(c.env).getToken(params.id))),
  )

  .add(
    {
      method: "delete",
      path: "/tokens/{id}",
      id: "deleteToken",
      tag: "access",
      summary: "Revoke an API token",
      params: BY_ID,
      responses: { 204: { description: "It works no more" } },
    },
    async (c, { params }) => {
      unwrap(await controlObject(c.env).deleteToken(params.id));
      return c.body(null, 204);
    },
  );
