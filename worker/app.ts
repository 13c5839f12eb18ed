import { Hono } from "hono";
import type { App } from "./http.ts";
import { PUBLIC_ROUTES, TOKEN_ROUTES } from "./api/api.ts";
import { ProblemError, problemResponse } from "./problem.ts";
import { bootRoutes } from "./routes/boot.ts";
import { bootFileRoutes } from "./routes/boot-files.ts";
import { createDirectRoutes } from "./routes/direct.ts";
import { imageRoutes } from "./routes/images.ts";
import { openApiRoutes } from "./routes/openapi.ts";
import { relayRoutes } from "./routes/relays.ts";
import { treeRoutes } from "./routes/trees.ts";
import { auditChanges } from "./audit.ts";
import { API_PATH, readRelayCredential, requireApiToken } from "./authenticate.ts";

/** The route table of the whole control plane. */
export function createApp(): Hono<App> {
  const app = new Hono<App>();
  app.notFound((c) => problemResponse({ type: "not-found", detail: `there is nothing at ${c.req.path}` }));
  app.onError((error, c) => {
    if (error instanceof ProblemError) return problemResponse(error.problem);
    console.error(`${c.req.method} failed`, error);
    return problemResponse({
      type: "unavailable",
      detail: "the control plane failed on this request; its log says why",
    });
  });

  // What machines ask for: through their relay, or with a boot token where there is none.
  const clientRoutes = new Hono<App>()
    .route("/", bootRoutes)
    .route("/", imageRoutes)
    .route("/", treeRoutes)
    .route("/", bootFileRoutes);
  for (const paths of ["/boot/*", "/a/*", "/e/*", "/i/*", "/t/*", "/f/*"])
    app.use(paths, readRelayCredential);
  app.route("/", clientRoutes);
  app.route("/s", createDirectRoutes(clientRoutes));
  // What relays ask for.
  app.route("/", relayRoutes);
  // What people and their tools ask for. The document that describes it is no secret.
  app.route(API_PATH, openApiRoutes);
  for (const { hono } of PUBLIC_ROUTES) app.route(API_PATH, hono);
  const api = new Hono<App>();
  api.use(requireApiToken, auditChanges);
  for (const { hono } of TOKEN_ROUTES) api.route("/", hono);
  app.route(API_PATH, api);
  return app;
}
