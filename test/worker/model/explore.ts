import fc from "fast-check";
import { BrokenRule } from "./oracle.ts";
import { schedules, type Schedule } from "./schedule.ts";
import type { ModelSite } from "./site.ts";

declare module "vitest" {
  interface ProvidedContext {
    unknownMacs?: number;
    schedules?: number;
    seed?: number;
    mutant?: string;
  }
}

/** A run at length says how far it is. */
const PROGRESS = 500;

export type Outcome =
  | { readonly kind: "held"; readonly schedules: number }
  | {
      readonly kind: "broken";
      readonly schedules: number;
      readonly seed: number;
      readonly rule: string;
      readonly schedule: string;
    };

/**
 * Runs random schedules until a rule breaks, and where asked shrinks the one
 * that broke it. A seed repeats them: machines are new each time, but nothing in a rule
 * depends on which they are.
 *
 * @param shrink takes minutes
 */
export async function explore(
  site: ModelSite,
  options: { readonly schedules: number; readonly seed?: number | undefined; readonly shrink?: boolean },
): Promise<Outcome> {
  const { schedules: numRuns, seed, shrink = false } = options;
  let done = 0;
  const property = fc.asyncProperty(schedules, async (schedule: Schedule) => {
    await site.run(schedule);
    if (++done % PROGRESS === 0) console.info(`${done} schedules held`);
  });
  const details = await fc.check(property, {
    numRuns,
    endOnFailure: !shrink,
    ...(seed !== undefined && { seed }),
  });
  if (!details.failed) return { kind: "held", schedules: details.numRuns };
  const { errorInstance } = details;
  if (!(errorInstance instanceof BrokenRule)) throw errorInstance;
  return {
    kind: "broken",
    schedules: details.numRuns,
    seed: details.seed,
    rule: errorInstance.message,
    schedule: JSON.stringify(details.counterexample?.[0]),
  };
}
