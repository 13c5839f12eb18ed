import type { BootEvent } from "../../core/relay-protocol/events.ts";

/** What a full journal keeps longest, highest last. */
export const IMPORTANCE = {
  /** Says only that something usual was asked. */
  NOISE: 0,
  /** A step of a boot. */
  STEP: 1,
  /** Decides a boot, or says why it failed. */
  CAUSE: 2,
  /** Acknowledged in the control plane's place, which acts on it: the last to go. */
  CALLBACK: 3,
} as const;

const NOISE = new Set(["ignored", "informed", "released", "probed"]);
const CAUSES = new Set(["refused", "failed", "pool-exhausted", "conflict", "other-server", "dropped"]);

/** How much worth an event is. */
export function importanceOf({ stage, name, capabilityHash }: BootEvent): number {
  if (capabilityHash !== undefined) return IMPORTANCE.CALLBACK;
  if (stage === "decision" || stage === "answer" || stage === "callback" || CAUSES.has(name)) {
    return IMPORTANCE.CAUSE;
  }
  return NOISE.has(name) ? IMPORTANCE.NOISE : IMPORTANCE.STEP;
}
