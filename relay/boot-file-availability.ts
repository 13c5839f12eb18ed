import type { BootFiles, RelayState } from "../core/relay-protocol/state.ts";
import type { FileRoot } from "./boot-files/file-root.ts";

/** Which boot files can be served: known without waiting, because DHCP must not wait. */
export type BootFileAvailability = {
  /** Whether a file could be served when it was looked at last; asks for a new look now and then. */
  available(file: string): boolean;
  /** Looks at all files that a configuration and a site's state name. */
  look(bootFiles: BootFiles, state: RelayState | undefined): Promise<void>;
};

/** So that a file that is put there is offered soon, without a restart. */
const STALE_AFTER_MS = 10_000;

/** Creates the look-up over a folder of boot files; `now` is in milliseconds, of any epoch. */
export function createBootFileAvailability(root: FileRoot, now: () => number): BootFileAvailability {
  const seen = new Map<string, { available: boolean; at: number }>();

  async function lookAt(file: string): Promise<void> {
    const found = await root.stat(file);
    seen.set(file, { available: found.kind === "found", at: now() });
  }

  return {
    available(file) {
      const last = seen.get(file);
      if (last === undefined || now() - last.at >= STALE_AFTER_MS) {
        // Marked at once, so that a burst of clients makes one look.
        seen.set(file, { available: last?.available ?? false, at: now() });
        void lookAt(file);
      }
      return seen.get(file)!.available;
    },
    async look(bootFiles, state) {
      const sources = [bootFiles, state?.site.bootFiles, ...(state?.machines ?? []).map((m) => m.bootFiles)];
      const names = new Set(sources.flatMap((source) => Object.values(source ?? {}).flat()));
      await Promise.all([...names].map(lookAt));
    },
  };
}
