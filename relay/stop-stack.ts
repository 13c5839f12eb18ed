import type { Logger } from "pino";

/**
 * Ends a part that was started.
 *
 * @param cut what is under way may go on until this aborts
 */
export type StopStep = (cut: AbortSignal) => void | Promise<void>;

/** Parts that run, to be ended in the order opposite to their start. */
export class StopStack {
  readonly #log: Logger;
  readonly #steps: StopStep[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  push(step: StopStep): void {
    this.#steps.push(step);
  }

  /** Never rejects. */
  async stop(cut: AbortSignal): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      const end = step;
      await endPart(() => end(cut), this.#log);
    }
  }
}

/** Ends one part; never rejects: the others still have to be stopped. */
export async function endPart(end: () => void | Promise<void>, log: Logger): Promise<void> {
  try {
    await end();
  } catch (error) {
    log.error({ err: error }, "a part of the relay could not be stopped cleanly");
  }
}

/** Resolves once a signal has aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
