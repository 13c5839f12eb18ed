import { setTimeout as sleep } from "node:timers/promises";

import { TokenBucket } from "../token-bucket.ts";

/** Waits until so many more bytes may come; for all downloads together. @throws AbortError */
export type Throttle = (bytes: number, signal: AbortSignal) => Promise<void>;

/**
 * Creates a bound on what downloads take of the WAN. Who reads no further makes
 * TCP tell the origin to wait.
 *
 * @param now milliseconds, of any epoch; never back
 */
export function createThrottle(bytesPerSecond: number | null, now: () => number): Throttle {
  if (bytesPerSecond === null) return async () => undefined;
  const bucket = new TokenBucket(bytesPerSecond, now());
  return async (bytes, signal) => {
    for (let wait = bucket.waitMs(now()); wait > 0; wait = bucket.waitMs(now())) {
      await sleep(wait, undefined, { signal });
    }
    bucket.take(bytes);
  };
}
