import { Hono } from "hono";
import { OPERATIONS } from "../api/api.ts";
import { describeApi } from "../api/openapi.ts";
import { API_PATH } from "../authenticate.ts";
import type { App } from "../http.ts";

/** `/api/v1/openapi.json`: the API as an OpenAPI 3.1 document, made of the very routes. */
export const openApiRoutes = new Hono<App>().get("/openapi.json", (c) => {
  document ??= JSON.stringify(describeApi(OPERATIONS, API_PATH));
  return c.body(document, 200, { "content-type": "application/json", "cache-control": "max-age=300" });
});

/** Made once an isolate: it is the same for everybody, and takes some 50 ms of CPU. */
let document: string | undefined;
