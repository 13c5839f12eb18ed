import { setTimeout as sleep } from "node:timers/promises";

/** The rate of one direction of a WAN, shared by all connections in the order in which they ask. */
export type Link = {
  /** Resolves once so many bytes have left. */
  send(bytes: number, signal: AbortSignal): Promise<void>;
};

/** A timer that fires late must not make the link slower: so much is caught up. */
const CATCH_UP_MS = 10;

/** Creates a link whose rate may change at any time. */
export function createLink(bitsPerSecond: () => number | null): Link {
  /** When all that was taken so far has left; `performance.now()` time. */
  let freeAt = 0;
  return {
    async send(bytes, signal) {
      const rate = bitsPerSecond();
      if (rate === null) return;
      const now = performance.now();
      freeAt = Math.max(freeAt, now - CATCH_UP_MS) + (bytes * 8000) / rate;
      // Timers have whole milliseconds.
      if (freeAt - now >= 1) await sleep(freeAt - now, undefined, { signal });
    },
  };
}
