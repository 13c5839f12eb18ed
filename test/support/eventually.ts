import { vi } from "vitest";

/** Long for a machine that is busy with other tests; who waits for what does come is not held up by it. */
const PATIENCE_MS = 10_000;

/** Tries a check again and again, until it passes; throws what it throws at last. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: PATIENCE_MS, interval: 10 });
}
