import type { Logger } from "pino";

/** Ends a part that was started. */
export type StopStep = () => void | Promise<void>;

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
  async stop(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        // The others still have to be stopped.
        this.#log.error({ err: error }, "a part of the relay could not be stopped cleanly");
      }
    }
  }
}
