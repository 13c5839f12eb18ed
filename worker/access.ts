/** What a token may do; each role includes those before it. */
export const ROLES = ["viewer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Who did something, as the audit log keeps it. */
export type Actor = { readonly id: string; readonly name: string };

/** Whoever a request's token belongs to. */
export type Caller = Actor & {
  readonly role: Role;
  /** Ids of the sites it is for; `null`: all of them, and what belongs to no site. */
  readonly siteIds: readonly string[] | null;
};

/** What a request needs: a role, and for what belongs to no site a token for the whole fleet. */
export type RequiredAccess = { readonly role: Role; readonly fleet: boolean };

/** Secrets, tokens and who did what: an admin's, even to read. */
const ADMIN_ONLY = /^\/(?:tokens|audit|keys)(?:\/|$)/;
const OF_A_SITE = /^\/sites\/[^/]+(\/.*)?$/;
/** A POST that changes nothing: what it compares may be too long for a query. */
const COMPARES = /^\/(?:profiles|templates)\/[^/]+\/diff$/;
/** What operators change at a site. */
const OPERATORS_WORK = /^\/(?:machines|arm|discovered)(?:[/:]|$)/;

/**
 * Whether a request to the API changes nothing.
 *
 * @param path below `/api/v1`
 */
export function isRead(method: string, path: string): boolean {
  return ["GET", "HEAD", "OPTIONS"].includes(method) || (method === "POST" && COMPARES.test(path));
}

/**
 * What a request to the API needs. Closed by default: whatever is not a read
 * and not named here is an admin's.
 *
 * @param path below `/api/v1`
 */
export function requiredAccess(method: string, path: string): RequiredAccess {
  const reads = isRead(method, path);
  if (ADMIN_ONLY.test(path)) return { role: "admin", fleet: true };
  const site = OF_A_SITE.exec(path);
  if (site !== null) {
    const work = OPERATORS_WORK.test(site[1] ?? "");
    return { role: reads ? "viewer" : work ? "operator" : "admin", fleet: false };
  }
  return reads ? { role: "viewer", fleet: false } : { role: "admin", fleet: true };
}

/** Whether a caller has what a request needs; which site it is about is checked where that is known. */
export function hasAccess(caller: Caller, required: RequiredAccess): boolean {
  if (required.fleet && caller.siteIds !== null) return false;
  return ROLES.indexOf(caller.role) >= ROLES.indexOf(required.role);
}

/** Whether a caller's token is for a site. */
export function mayEnter(caller: Caller, siteId: string): boolean {
  return caller.siteIds === null || caller.siteIds.includes(siteId);
}
