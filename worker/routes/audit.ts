import { Hono } from "hono";
import { controlObject } from "../env.ts";
import { queryInteger, type App } from "../http.ts";

/** `/api/v1/audit` and `/api/v1/keys`. */
export const auditRoutes = new Hono<App>()
  .get("/audit", async (c) => {
    const limit = queryInteger(c, "limit", 100, 1_000);
    const items = await controlObject(c.env).listAudit(queryInteger(c, "after", 0, Infinity), limit);
    return c.json({ items, next: items.at(-1)?.seq ?? null });
  })

  /** Encrypts all secrets anew, with the first of SECRET_KEYS. */
  .post("/keys/rotate", async (c) => {
    const secrets = await controlObject(c.env).rotateSecrets();
    c.set("auditDetail", { ...secrets });
    return c.json({ secrets });
  });
