import { fail, ok, type Result } from "../problem.ts";
import { machinesArmedSince } from "./attempts.ts";
import type { SiteIdentity } from "./identity.ts";
import type { SiteMachine } from "./machines.ts";

/**
 * Keeps a slip from wiping more machines than was meant: beyond the site's
 * limit within its window, or where one is protected, whoever orders must say
 * how many there are. A number that is given must be right in any case.
 */
export function checkConfirmation(
  sql: SqlStorage,
  { site, now }: { site: SiteIdentity; now: number },
  machines: readonly SiteMachine[],
  confirmCount: number | undefined,
): Result<null> {
  if (confirmCount === machines.length) return ok(null);
  const reasons: string[] = [];
  if (confirmCount !== undefined) reasons.push(`confirmCount is ${confirmCount}`);
  const { machines: limit, windowMinutes } = site.armLimit;
  const recent = machinesArmedSince(sql, now - windowMinutes * 60_000);
  const total = new Set([...recent, ...machines.map(({ id }) => id)]).size;
  if (total > limit) {
    reasons.push(
      `${total} machines within ${windowMinutes} minutes are more than the site's limit of ${limit}`,
    );
  }
  const guarded = machines.filter((machine) => machine.protected === true);
  if (guarded.length > 0) {
    const names = guarded.slice(0, 5).map(({ name }) => `"${name}"`);
    reasons.push(`protected: ${names.join(", ")}${guarded.length > 5 ? " …" : ""}`);
  }
  if (reasons.length === 0) return ok(null);
  return fail("confirmation-required", `this arms ${machines.length} machines; ${reasons.join("; ")}`, [
    { field: "confirmCount", message: `must be ${machines.length} to confirm` },
  ]);
}
