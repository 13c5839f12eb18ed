import { setTimeout as sleep } from "node:timers/promises";

import { TokenBucket } from "../token-bucket.ts";

/** Waits until so many more bytes may come; for all downloads together. @throws AbortError */
export type Throttle = (bytes: number, signal: AbortSignal) => Promise<void>;

/**
 * Creates a bound on what downloads take of the WAN. Who reads no further makes
 * TCP tell the origin to wait.
 *
 * @param rate bytes a second as they are just now; `null`: as fast as it goes
 * @param now milliseconds, of any epoch; never back
 */
export function createThrottle(rate: () => number | null, now: () => number): Throttle {
  let known: number | null = null;
  let bucket: TokenBucket | undefined;

  function current(): TokenBucket | undefined {
    if (rate() !== known) {
      known = rate();
      bucket = known === null ? undefined : new TokenBucket(known, now());
    }
    return bucket;
  }

  return async (bytes, signal) => {
    for (let wait = current()?.waitMs(now()) ?? 0; wait > 0; wait = current()?.waitMs(now()) ?? 0) {
      await sleep(wait, undefined, { signal });
    }
    current()?.take(bytes);
  };
}
