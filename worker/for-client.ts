import { RELAY_HEADER } from "../core/relay-protocol/headers.ts";
import { siteObject } from "./env.ts";
import type { AppContext } from "./http.ts";
import { unwrap, type Result } from "./problem.ts";
import type { ForRelay } from "./site-object/clients.ts";

/** Unwraps what a SiteObject answered to a client, and tells a relay how new the site's state is. */
export function forClient<T>(c: AppContext, result: Result<ForRelay<T>>): T {
  const { stateRevision, value } = unwrap(result);
  if (!isDirect(c)) c.header(RELAY_HEADER.STATE, String(stateRevision));
  return value;
}

/** Tells a relay, for its log, which attempt the answer to a machine belongs to; nothing where it belongs to none. */
export function nameAttempt(c: AppContext, attempt: string | null): void {
  if (attempt !== null && !isDirect(c)) c.header(RELAY_HEADER.ATTEMPT, attempt);
}

/** Lets a client pass whose credential is good, for what needs no more than that. */
export async function requireClient(c: AppContext): Promise<void> {
  const { credential } = c.get("client");
  forClient(c, await siteObject(c.env, credential.siteId).authorize(credential));
}

/** Whether a machine asks by itself, with a boot token, and not through a relay. */
export function isDirect(c: AppContext): boolean {
  return c.get("client").prefix !== "";
}

/** The request's path as the contract has it, percent-encoding untouched, without `/s/TOKEN`. */
export function clientPath(c: AppContext): string {
  const { pathname } = new URL(c.req.url);
  return pathname.slice(c.get("client").prefix.length);
}
