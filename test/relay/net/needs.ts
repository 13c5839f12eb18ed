import { existsSync } from "node:fs";

/**
 * What this host lacks for a test, as the reason to skip it; `undefined` when
 * nothing is missing. Under PXEDGE_REQUIRE_ALL=1 a lack is a failure instead.
 *
 * @param programs absolute paths
 */
export function missingNeed(needs: {
  readonly root?: true;
  readonly programs?: readonly string[];
}): string | undefined {
  const missing = needs.programs?.filter((path) => !existsSync(path)) ?? [];
  const reason =
    needs.root && process.getuid?.() !== 0
      ? "needs root"
      : missing.length > 0
        ? `needs ${missing.join(", ")}`
        : undefined;
  if (reason !== undefined && process.env["PXEDGE_REQUIRE_ALL"] === "1") throw new Error(reason);
  return reason;
}
