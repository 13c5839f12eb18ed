import { createMiddleware } from "hono/factory";
import { isRead } from "./access.ts";
import { API_PATH } from "./authenticate.ts";
import { controlObject } from "./env.ts";
import type { App } from "./http.ts";

/** Parts of an upload change nothing that can be seen; its begin and end are noted. */
const UPLOAD_PART = /^\/images\/[^/]+\/files\//;

/** Notes every change that succeeded: who, what, when. A route adds what else is worth knowing. */
export const auditChanges = createMiddleware<App>(async (c, next) => {
  await next();
  const { method } = c.req;
  const target = c.req.path.slice(API_PATH.length);
  const changed = !isRead(method, target) && c.res.status < 300;
  if (!changed || c.get("dryRun") || (method === "PUT" && UPLOAD_PART.test(target))) return;
  const { id, name } = c.get("caller");
  const detail = c.get("auditDetail");
  await controlObject(c.env).recordAudit({
    by: { id, name },
    action: method,
    target,
    ...(detail && { detail }),
  });
});
