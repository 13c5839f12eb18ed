import { createMiddleware } from "hono/factory";
import { equalInConstantTime } from "../core/bytes.ts";
import { hasAccess, requiredAccess, type Caller } from "./access.ts";
import { bearerToken, parseApiToken, parseSiteCredential } from "./credentials.ts";
import { controlObject, type Env } from "./env.ts";
import type { App } from "./http.ts";
import { ProblemError } from "./problem.ts";

export const API_PATH = "/api/v1";

/**
 * Lets API requests pass whose token has the role that they need. Whether it is
 * for the site in question is checked where that site is looked up.
 */
export const requireApiToken = createMiddleware<App>(async (c, next) => {
  const caller = await findCaller(c.env, bearerToken(c.req.header("authorization")));
  if (caller === null) {
    throw new ProblemError({
      type: "unauthorized",
      detail: "give an API token: Authorization: Bearer TOKEN",
    });
  }
  const path = c.req.path.slice(API_PATH.length);
  const required = requiredAccess(c.req.method, path);
  if (!hasAccess(caller, required)) {
    const scope = required.fleet ? " for all sites" : "";
    throw new ProblemError({
      type: "forbidden",
      detail: `this needs the role ${required.role}${scope}; the token "${caller.name}" is ${caller.role}`,
    });
  }
  c.set("caller", caller);
  await next();
});

/** The Worker's own secret is the first admin; every other token is looked up. */
async function findCaller(env: Env, token: string | undefined): Promise<Caller | null> {
  if (token === undefined) return null;
  if (await isAdminToken(env.ADMIN_TOKEN, token)) {
    return { id: "admin", name: "ADMIN_TOKEN", role: "admin", siteIds: null };
  }
  const parsed = await parseApiToken(token);
  return parsed === undefined ? null : await controlObject(env).findCaller(parsed);
}

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
