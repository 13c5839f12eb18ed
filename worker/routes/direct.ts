import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { renderStageOne } from "../../core/render/scripts/stage-one.ts";
import { parseSiteCredential } from "../credentials.ts";
import { siteObject } from "../env.ts";
import { forClient } from "../for-client.ts";
import type { App, AppContext } from "../http.ts";
import { ProblemError } from "../problem.ts";
import { NO_STORE, refused } from "../refusal.ts";

/**
 * `/s/TOKEN/…`: the client paths, for machines whose iPXE speaks HTTPS and that
 * have no relay. The token says which site they are of and can be revoked. It
 * proves no machine's identity: nobody observes a MAC here.
 */
export function createDirectRoutes(clientRoutes: Hono<App>): Hono<App> {
  const direct = new Hono<App>();
  direct.onError((error) => {
    // What has no good token learns nothing, not even that it is the token.
    if (error instanceof ProblemError && error.problem.type === "unauthorized") return refused();
    throw error;
  });
  direct.use("/:token/*", readBootToken);
  direct.get("/:token/boot.ipxe", async (c) => await stageOne(c, false));
  // iPXE 2.0 runs it first, where it lies beside what iPXE itself was loaded from.
  direct.get("/:token/f/autoexec.ipxe", async (c) => await stageOne(c, true));
  direct.route("/:token", clientRoutes);
  direct.all("*", () => refused());
  return direct;
}

const readBootToken = createMiddleware<App>(async (c, next) => {
  const token = c.req.param("token") ?? "";
  const credential = await parseSiteCredential("pxb", token);
  // In its one spelling only: what follows it in the path is found by its length.
  if (credential === undefined || !new URL(c.req.url).pathname.startsWith(`/s/${token}/`)) return refused();
  c.set("client", { credential, prefix: `/s/${token}` });
  return await next();
});

async function stageOne(c: AppContext, isAutoexec: boolean): Promise<Response> {
  const { credential } = c.get("client");
  const site = forClient(c, await siteObject(c.env, credential.siteId).openStageOne(credential));
  const script = renderStageOne({ ...site, isAutoexec, jitter: Math.random });
  return c.body(script, 200, { "content-type": "text/plain; charset=utf-8", "cache-control": NO_STORE });
}
