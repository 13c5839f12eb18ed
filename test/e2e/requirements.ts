import { existsSync } from "node:fs";

/**
 * What is missing for virtual machines, or `null`. Under CI nothing may be
 * missing, so there the tests run into it and fail.
 */
export function missingForVirtualMachines(files: readonly string[]): string | null {
  if (process.env["PXEDGE_REQUIRE_ALL"] === "1") return null;
  if (process.getuid?.() !== 0) return "root, for network namespaces";
  const missing = files.filter((file) => !existsSync(file));
  return missing.length === 0 ? null : `not installed: ${missing.join(", ")}`;
}
