import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";

import type { RelayState } from "../../core/relay-protocol/state.ts";
import { replaceFile } from "./atomic-file.ts";
import { relayStateSchema } from "./schema.ts";

/** The last known state on disk, so that a relay that restarts with the WAN down knows its machines. */
export type StateFile = {
  /** What was written last; `undefined` if there is none, none of this site, or none that can be read. */
  read(): Promise<RelayState | undefined>;
  /** Mode 0600: it holds keys. Never throws; a state that cannot be kept is logged. */
  write(state: RelayState): Promise<void>;
};

/** Keeps a site's state in `stateDir/state.json`. */
export function createStateFile(stateDir: string, siteId: string, log: Logger): StateFile {
  const path = join(stateDir, "state.json");
  return {
    async read() {
      let text: string;
      try {
        text = await readFile(path, "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
          log.warn({ err: error, path }, "the last known state cannot be read; starting without it");
        }
        return undefined;
      }
      const state = parse(text);
      if (state === undefined) log.warn({ path }, "the last known state is damaged; starting without it");
      return state?.site.id === siteId ? state : undefined;
    },
    async write(state) {
      try {
        await replaceFile(path, JSON.stringify(state));
      } catch (error) {
        log.error(
          { err: error, path },
          "the state cannot be kept: after a restart without the control plane, it is missing",
        );
      }
    },
  };
}

function parse(text: string): RelayState | undefined {
  try {
    return relayStateSchema.parse(JSON.parse(text));
  } catch {
    // Half a file of an older release, or not ours: the caller says so and goes on without.
    return undefined;
  }
}
