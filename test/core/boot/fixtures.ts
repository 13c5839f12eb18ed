import { createAttempt } from "../../../core/boot/attempt.ts";
import type { Attempt, AttemptState, Machine } from "../../../core/boot/model.ts";

export const NOW = Date.UTC(2026, 10, 21, 7);
export const HOUR = 3_600_000;

export const MACHINE: Machine = {
  id: "m1",
  name: "rack1-node1",
  macs: ["52:54:00:00:00:01", "52:54:00:00:00:02"],
  variables: {},
};

export function armed(retries = 0): Attempt {
  return createAttempt({
    id: "a1",
    machineId: "m1",
    profile: "debian-12",
    profileRevision: "3f2a",
    now: NOW,
    ttlMs: 24 * HOUR,
    installDeadlineMs: 4 * HOUR,
    retries,
  });
}

/** An attempt as it looks in a state, with the fields that the state implies. */
export function inState(state: AttemptState, change: Partial<Attempt> = {}): Attempt {
  const committed = ["committed", "installing", "installed", "failed", "stalled"].includes(state);
  return {
    ...armed(),
    state,
    serves: state === "armed" ? 0 : 1,
    installs: committed ? 1 : 0,
    committedAt: committed ? NOW : null,
    ...change,
  };
}
