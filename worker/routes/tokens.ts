import { Hono } from "hono";
import { controlObject } from "../env.ts";
import { pageJson, readBody, type App } from "../http.ts";
import { unwrap } from "../problem.ts";
import { tokenSchema } from "../schemas.ts";

/** `/api/v1/tokens`. A token is shown once, when it is made. */
export const tokenRoutes = new Hono<App>()
  .post("/", async (c) => {
    const { name, role, sites, expiresInSeconds } = await readBody(c, tokenSchema);
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
  })

  .get("/", async (c) =>
    pageJson(
      c,
      async (page) => await controlObject(c.env).listTokens(page),
      (token) => token.id,
    ),
  )

  .get("/:id", async (c) => c.json(unwrap(await controlObject(c.env).getToken(c.req.param("id")))))

  .delete("/:id", async (c) => {
    unwrap(await controlObject(c.env).deleteToken(c.req.param("id")));
    return c.body(null, 204);
  });
