import { createMiddleware } from "hono/factory";
import { equalInConstantTime } from "../core/bytes.ts";
import { bearerToken, parseSiteCredential } from "./credentials.ts";
import type { App } from "./http.ts";
import { ProblemError } from "./problem.ts";

/** Lets API requests with a good bearer token pass. */
export const requireApiToken = createMiddleware<App>(async (c, next) => {
  const token = bearerToken(c.req.header("authorization"));
  if (token === undefined || !(await isAdminToken(c.env.ADMIN_TOKEN, token))) {
    throw new ProblemError({
      type: "unauthorized",
      detail: "give an API token: Authorization: Bearer TOKEN",
    });
  }
  await next();
});

/**
 * Reads a relay's credential. Whether it is good is for its SiteObject to say,
 * within the call that does the work.
 */
export const readRelayCredential = createMiddleware<App>(async (c, next) => {
  const credential = await parseSiteCredential("pxr", bearerToken(c.req.header("authorization")) ?? "");
  if (credential === undefined) {
    throw new ProblemError({
      type: "unauthorized",
      detail: "give a relay's credential: Authorization: Bearer pxr_…",
    });
  }
  c.set("relay", credential);
  c.set("client", { credential, prefix: "" });
  await next();
});

async function isAdminToken(expected: string, token: string): Promise<boolean> {
  // An unset secret must not be matched by an empty token.
  if (expected === undefined || expected.length < 16) return false;
  const [a, b] = await Promise.all([digest(expected), digest(token)]);
  return equalInConstantTime(a, b);
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
