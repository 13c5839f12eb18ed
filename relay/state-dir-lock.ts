import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { RelayError } from "./errors.ts";

const SQLITE_BUSY = 5;

/**
 * Takes a state folder for this process alone: two relays that gave out leases
 * from one folder would give an address twice. The kernel releases the lock
 * when the process ends, however it ends; there is no stale lock to clean up.
 *
 * @returns what releases it
 * @throws RelayError `state-dir-in-use`, `state-dir-unusable`
 */
export function lockStateDir(stateDir: string): () => void {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(stateDir, "relay.lock"), { timeout: 0 });
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    throw (error as { errcode?: number }).errcode === SQLITE_BUSY
      ? new RelayError(
          "state-dir-in-use",
          `another relay runs with the state folder ${stateDir}: stop it, or give this one a stateDir of its own`,
          { cause: error },
        )
      : new RelayError(
          "state-dir-unusable",
          `the state folder ${stateDir} cannot be used (${(error as Error).message}): make it writable for this user`,
          { cause: error },
        );
  }
  const held = database;
  return () => held.close();
}
