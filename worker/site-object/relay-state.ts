import type { PrefetchFile, RelayMachine, RelayState } from "../../core/relay-protocol/state.ts";
import { activePins, livePins } from "./pins.ts";
import { machinesSince, type SiteMachine } from "./machines.ts";
import { siteIdentity, stateRevision } from "./meta.ts";
import type { Pinned } from "./pinned.ts";
import { disklessProfiles, profileOf } from "./profiles.ts";

/** What a relay keeps of its site: the changes after a state revision, or all where it names none or a later one. */
export function relayState(sql: SqlStorage, after: number | null): Omit<RelayState, "imageKeys"> {
  const site = siteIdentity(sql);
  const revision = stateRevision(sql);
  const full = after === null || after > revision;
  const { changed, removed } = machinesSince(sql, full ? 0 : after);
  const diskless = disklessProfiles(sql);
  return {
    revision,
    full,
    site: {
      id: site.id,
      name: site.name,
      bootWaitSeconds: site.bootWaitSeconds,
      ...(site.bootFiles && { bootFiles: site.bootFiles }),
    },
    machines: changed.map((machine) => toRelayMachine(machine, diskless.has(profileOf(site, machine) ?? ""))),
    removed: full ? [] : removed,
    prefetch: prefetchOf(activePins(sql), livePins(sql)),
  };
}

function toRelayMachine(machine: SiteMachine, diskless: boolean): RelayMachine {
  const { profile: _, variables: _v, labels: _l, protected: _p, localBoot: _b, ...rest } = machine;
  return { ...rest, ...(diskless && { diskless: true as const }) };
}

/** Orders first; then what a failed install would boot, and what machines boot into memory, which they do again. */
function prefetchOf(active: readonly Pinned[], live: readonly Pinned[]): PrefetchFile[] {
  const rescues = active.flatMap(({ rescue }) => rescue ?? []);
  const files = new Map<string, PrefetchFile>();
  for (const { image } of [...active, ...rescues, ...live]) {
    for (const [path, file] of Object.entries(image.files)) {
      files.set(`${image.revision}/${path}`, { image: image.name, revision: image.revision, path, ...file });
    }
  }
  return [...files.values()];
}
