import { OpenAPIHono } from "@hono/zod-openapi";
import { Hono } from "hono";
import * as z from "zod";
import { API_PATH } from "../authenticate.ts";
import type { App } from "../http.ts";
import { OPERATIONS, type Operation } from "../openapi-operations.ts";

const problemSchema = z.object({
  type: z.string().describe("urn:pxedge:problem:NAME, stable"),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
});
const jsonSchema = z.record(z.string(), z.unknown());

/** `/api/v1/openapi.json`: the API as an OpenAPI 3.1 document, by the schemas that its routes check bodies by. */
export const openApiRoutes = new Hono<App>().get("/openapi.json", (c) => {
  document ??= JSON.stringify(describeApi());
  return c.body(document, 200, { "content-type": "application/json", "cache-control": "max-age=300" });
});

/** Made once: it is the same for everybody, and takes some milliseconds. */
let document: string | undefined;

function describeApi() {
  const app = new OpenAPIHono();
  app.openAPIRegistry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  for (const operation of OPERATIONS) app.openAPIRegistry.registerPath(describeOperation(operation));
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "pxedge", version: "1" },
    servers: [{ url: API_PATH }],
    security: [{ token: [] }],
  });
}

function describeOperation({ method, path, summary, body, upload, query, status }: Operation) {
  const parameters = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => [name!, z.string()] as const);
  const queries = (query ?? []).map((name) => [name, z.string().optional()] as const);
  const content = upload
    ? { "application/octet-stream": { schema: z.string().meta({ format: "binary" }) } }
    : body && {
        [method === "patch" ? "application/merge-patch+json" : "application/json"]: { schema: body },
      };
  return {
    method,
    path,
    summary,
    // A relay has no token yet when it joins.
    ...(path === "/relays/join" && { security: [] }),
    request: {
      params: z.object(Object.fromEntries(parameters)),
      query: z.object(Object.fromEntries(queries)),
      ...(content && { body: { content } }),
    },
    responses: {
      [status]: {
        description: summary,
        ...(status !== 204 && { content: { "application/json": { schema: jsonSchema } } }),
      },
      default: {
        description: "What is wrong (RFC 9457)",
        content: { "application/problem+json": { schema: problemSchema } },
      },
    },
  };
}
