import { stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { prepareStateDir } from "../control-plane/credentials.ts";
import { lockStateDir } from "../state-dir-lock.ts";
import { ok, problem, problemOf, warning, type Finding } from "./finding.ts";

/** Leases and events need little; a disk that is this full is about to be full. */
const LEAST_FREE_BYTES = 256 * 2 ** 20;

/** The state folder: writable, not shared with another relay, private, with room. */
export async function checkStateDir(stateDir: string): Promise<{ findings: Finding[]; relayRuns: boolean }> {
  const check = "state folder";
  try {
    await prepareStateDir(stateDir);
  } catch (error) {
    return { findings: [problemOf(check, error)], relayRuns: false };
  }
  const findings: Finding[] = [];
  const { bavail, bsize } = await statfs(stateDir);
  const free = bavail * bsize;
  const megabytes = `${Math.floor(free / 2 ** 20)} MiB`;
  findings.push(
    free < LEAST_FREE_BYTES
      ? problem(
          check,
          `${stateDir} has ${megabytes} left`,
          "make room: leases and events must be written before they are answered",
        )
      : ok(check, `${stateDir} can be written, with ${megabytes} left`),
  );
  const relayRuns = isInUse(stateDir);
  findings.push(
    relayRuns
      ? ok("relay", "runs on this state folder")
      : ok("relay", "does not run on this state folder just now"),
  );
  const credentials = await stat(join(stateDir, "credentials.json")).catch(() => undefined);
  if (credentials !== undefined && (credentials.mode & 0o077) !== 0) {
    const path = join(stateDir, "credentials.json");
    findings.push(warning("credentials", `${path} can be read by others`, `chmod 600 ${path}`));
  }
  return { findings, relayRuns };
}

function isInUse(stateDir: string): boolean {
  try {
    lockStateDir(stateDir)();
    return false;
  } catch (error) {
    if ((error as { code?: string }).code === "state-dir-in-use") return true;
    throw error;
  }
}
