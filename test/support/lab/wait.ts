import { setTimeout as sleep } from "node:timers/promises";

const POLL_INTERVAL_MS = 50;

/**
 * Polls `check` until it gives something other than `undefined`, `null` or
 * `false`, and returns that.
 *
 * @throws with `describe()` (called at that moment) after `timeoutMs`.
 */
export async function waitFor<T>(
  check: () => T | Promise<T>,
  timeoutMs: number,
  describe: () => string,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const result = await check();
    if (result !== undefined && result !== null && result !== false) return result;
    if (performance.now() >= deadline) throw new Error(`${describe()} (waited ${timeoutMs} ms)`);
    await sleep(POLL_INTERVAL_MS);
  }
}
