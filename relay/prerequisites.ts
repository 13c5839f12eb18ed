import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

import type { RelayConfig } from "./config/model.ts";
import { readCredentials, type RelayCredentials } from "./control-plane/credentials.ts";
import type { StateSync } from "./control-plane/state-sync.ts";
import { RelayError } from "./errors.ts";

/**
 * How long a start waits for the site's state: reservations are worth a wait
 * where nothing is known of the site, and less of one where they are known as
 * they were before a restart.
 */
const FIRST_STATE_WAIT_MS = { unknown: 5000, known: 500 } as const;

/**
 * Who this relay is to its control plane.
 *
 * @throws RelayError `not-joined`; ControlPlaneError
 */
export async function requireCredentials(config: RelayConfig, log: Logger): Promise<RelayCredentials> {
  const { stateDir, controlPlane } = config;
  const credentials = await readCredentials(stateDir);
  if (credentials === undefined) {
    throw new RelayError(
      "not-joined",
      `there are no credentials in ${stateDir}: run \`pxedge relay join --url ${controlPlane.url} --token TOKEN --state-dir ${stateDir}\` with a join token of the site`,
    );
  }
  if (credentials.url !== controlPlane.url) {
    log.warn(
      { joined: credentials.url, configured: controlPlane.url },
      "the relay joined by another address of the control plane than it is configured with",
    );
  }
  return credentials;
}

/** A dead WAN does not stop a site; a revoked relay is told at once. @throws RelayError `credentials-refused` */
export async function fetchFirstState(
  sync: Pick<StateSync, "current" | "refresh">,
  waitMs: Readonly<Record<"known" | "unknown", number>> = FIRST_STATE_WAIT_MS,
): Promise<void> {
  const ms = sync.current() === undefined ? waitMs.unknown : waitMs.known;
  const waited = sleep(ms, undefined, { ref: false });
  const outcome = await Promise.race([sync.refresh(), waited]);
  if (outcome !== "unauthorized") return;
  throw new RelayError(
    "credentials-refused",
    "the control plane refuses this relay's credentials: run `pxedge relay join` again with a new join token of the site",
  );
}

/** Opens a file of `stateDir`. @throws RelayError `state-dir-unusable` */
export function openState<T>(file: string, what: string, open: (file: string) => T): T {
  try {
    return open(file);
  } catch (error) {
    throw new RelayError(
      "state-dir-unusable",
      `${what} ${file} cannot be used (${(error as Error).message}): make it writable for this user, or move it away`,
      { cause: error },
    );
  }
}
