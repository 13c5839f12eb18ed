import { styleText } from "node:util";
import type { RunStep } from "./simulated-machine.ts";

/** The step that failed, with why. */
export class StepError extends Error {
  override readonly name = "StepError";
  readonly step: string;

  constructor(step: string, cause: unknown) {
    super(`step ${step} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.step = step;
  }
}

/** Shows each step on a line of its own, with what it did and how long it took. */
export function createStepPrinter(out: NodeJS.WritableStream): RunStep {
  return async (name, run, tell) => {
    const started = performance.now();
    const print = (mark: string, colour: "green" | "red", text: string) => {
      const time = `${(performance.now() - started).toFixed(0)} ms`;
      out.write(`${styleText(colour, mark)} ${name.padEnd(16)} ${time.padStart(8)}  ${text}\n`);
    };
    try {
      const value = await run();
      print("✓", "green", tell(value));
      return value;
    } catch (error) {
      if (error instanceof StepError) throw error;
      print("✗", "red", error instanceof Error ? error.message : String(error));
      throw new StepError(name, error);
    }
  };
}
