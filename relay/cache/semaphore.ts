import { ImageError } from "./errors.ts";

/** Lets so many things run at a time; the others wait in order. */
export type Semaphore = {
  /** Runs once there is a place. @throws ImageError `closed` if `signal` ends the wait; what `run` throws */
  use<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T>;
};

export function createSemaphore(count: number): Semaphore {
  const waiting = new Set<() => void>();
  let used = 0;

  async function acquire(signal: AbortSignal): Promise<void> {
    if (used >= count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const proceed = (): void => resolve();
      waiting.add(proceed);
      signal.addEventListener("abort", proceed, { once: true });
      await promise;
      signal.removeEventListener("abort", proceed);
      // Still among those waiting: it was the signal.
      if (waiting.delete(proceed)) throw new ImageError("closed", "nobody waits for it any more");
      return;
    }
    used++;
  }

  /** Hands the place on, if somebody waits. */
  function release(): void {
    const [next] = waiting;
    if (next === undefined) {
      used--;
      return;
    }
    waiting.delete(next);
    next();
  }

  return {
    async use(signal, run) {
      await acquire(signal);
      try {
        return await run();
      } finally {
        release();
      }
    },
  };
}
