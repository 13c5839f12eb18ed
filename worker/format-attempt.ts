import { isHeld } from "../core/boot/attempt.ts";
import type { Attempt } from "../core/boot/model.ts";

/** An attempt as the API shows it: instants as ISO 8601, durations in seconds. */
export function formatAttempt(attempt: Attempt) {
  const instant = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  return {
    id: attempt.id,
    machine: attempt.machineId,
    profile: attempt.profile,
    revision: attempt.profileRevision,
    state: attempt.state,
    reason: attempt.reason,
    serves: attempt.serves,
    installs: attempt.installs,
    retries: attempt.retries,
    answersRevoked: attempt.answersRevoked,
    onFailure: attempt.onFailure ?? "local",
    held: isHeld(attempt),
    ttlSeconds: attempt.ttlMs / 1_000,
    installDeadlineSeconds: attempt.installDeadlineMs / 1_000,
    armedAt: instant(attempt.armedAt),
    expiresAt: instant(attempt.expiresAt),
    committedAt: instant(attempt.committedAt),
    endedAt: instant(attempt.endedAt),
  };
}
