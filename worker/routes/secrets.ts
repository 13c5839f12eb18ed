import { Hono } from "hono";
import { controlObject } from "../env.ts";
import { pageJson, pathName, preconditionOf, readBody, taggedJson, type App } from "../http.ts";
import { unwrap } from "../problem.ts";
import { secretNameSchema, secretSchema } from "../schemas.ts";

/** `/api/v1/secrets`: values go in and never come out. */
export const secretRoutes = new Hono<App>()
  .get("/", async (c) =>
    pageJson(
      c,
      async (page) => await controlObject(c.env).listSecrets(page),
      (secret) => secret.name,
    ),
  )

  .put("/:name", async (c) => {
    const name = pathName(c, "name", secretNameSchema);
    const { value } = await readBody(c, secretSchema);
    const { info, etag, created } = unwrap(
      await controlObject(c.env).putSecret(name, value, c.get("caller"), preconditionOf(c)),
    );
    return taggedJson(c, etag, info, created ? 201 : 200);
  })

  .get("/:name", async (c) => {
    const name = pathName(c, "name", secretNameSchema);
    const { info, etag } = unwrap(await controlObject(c.env).getSecret(name));
    return taggedJson(c, etag, info);
  })

  .delete("/:name", async (c) => {
    const name = pathName(c, "name", secretNameSchema);
    unwrap(await controlObject(c.env).deleteSecret(name, preconditionOf(c)));
    return c.body(null, 204);
  });
