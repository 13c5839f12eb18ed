import { ApiRoutes } from "../api/api-routes.ts";
import { LOG_PAGE } from "../api/parameters.ts";
import { auditLogSchema, rotatedSchema } from "../api/responses/access.ts";
import { controlObject } from "../env.ts";
import { logJson } from "../http.ts";
import { unwrap } from "../problem.ts";

/** `/api/v1/audit` and `/api/v1/keys`. */
export const auditRoutes = new ApiRoutes()
  .add(
    {
      method: "get",
      path: "/audit",
      id: "listAudit",
      tag: "access",
      summary: "Who changed what, when",
      description: "Every change that succeeded, and each secret that an order or a preview read.",
      query: LOG_PAGE,
      responses: { 200: { description: "After a position", schema: auditLogSchema } },
    },
    async (c, { query: { after, limit } }) => logJson(c, await controlObject(c.env).listAudit(after, limit)),
  )

  .add(
    {
      method: "post",
      path: "/keys/rotate",
      id: "rotateKeys",
      tag: "secrets",
      summary: "Encrypt all secrets anew, with the first of SECRET_KEYS",
      responses: { 200: { description: "How many there are, and how many changed", schema: rotatedSchema } },
    },
    async (c) => {
      const secrets = unwrap(await controlObject(c.env).rotateSecrets());
      c.set("auditDetail", { ...secrets });
      return c.json({ secrets });
    },
  );
