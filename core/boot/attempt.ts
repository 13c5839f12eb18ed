import type { Attempt, AttemptState, OnFailure } from "./model.ts";

/** Scripts served before a commit; one more is a boot loop. */
export const MAX_SERVES = 20;

/** What can happen to an attempt. Time itself is an event: `tick`. */
export type AttemptEvent =
  | { readonly type: "serve" }
  | { readonly type: "commit" }
  | { readonly type: "started" | "progress" | "installed" }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "disarm" }
  | { readonly type: "supersede"; readonly by: string }
  | { readonly type: "tick" };

/**
 * - `moved`: store `attempt`.
 * - `unchanged`: allowed, and nothing to store (a repeated or late event).
 * - `refused`: must not be acted upon. `attempt` may still be new, since time
 *   has passed (`expired`, `stalled`) or a limit was reached (`failed`).
 */
export type Transition =
  | { readonly kind: "moved"; readonly attempt: Attempt }
  | { readonly kind: "unchanged"; readonly attempt: Attempt }
  | { readonly kind: "refused"; readonly attempt: Attempt; readonly reason: RefusalReason };

export type RefusalReason = "already-committed" | "not-served" | "boot-loop" | "ended";

const ENDED: readonly AttemptState[] = ["installed", "failed", "expired", "disarmed"];
const BEFORE_COMMIT: readonly AttemptState[] = ["armed", "booting"];

/** Neither finished nor given up; a machine has at most one such attempt. `stalled` is visible, not closed. */
export function isActive(attempt: Attempt): boolean {
  return !ENDED.includes(attempt.state);
}

/** Whether the order may still lead to an install: the script is served again and again. */
export function isBeforeCommit(attempt: Attempt): boolean {
  return BEFORE_COMMIT.includes(attempt.state);
}

/** Whether its machine boots as `onFailure` says: it failed, and nobody has acted since. */
export function isHeld(attempt: Attempt): boolean {
  return attempt.state === "failed" && attempt.onFailure !== undefined && attempt.released !== true;
}

/** When time alone changes the attempt next, or `null`. Milliseconds since the epoch. */
export function nextDeadline(attempt: Attempt): number | null {
  if (isBeforeCommit(attempt)) return attempt.expiresAt;
  if (attempt.state === "committed" || attempt.state === "installing") return installDeadline(attempt);
  return null;
}

/** The latest instant at which its machine may still fetch what it installs from. Milliseconds since the epoch. */
export function latestFetch({ expiresAt, installDeadlineMs }: Attempt): number {
  return expiresAt + installDeadlineMs;
}

/** A new order. `now` and the durations are milliseconds. */
export function createAttempt(order: {
  id: string;
  machineId: string;
  profile: string;
  profileRevision: string;
  now: number;
  ttlMs: number;
  installDeadlineMs: number;
  retries: number;
  onFailure?: OnFailure | undefined;
}): Attempt {
  const { now, onFailure, ...rest } = order;
  return {
    ...rest,
    ...(onFailure !== undefined && onFailure !== "local" && { onFailure }),
    state: "armed",
    armedAt: now,
    expiresAt: now + order.ttlMs,
    serves: 0,
    installs: 0,
    committedAt: null,
    answersRevoked: false,
    endedAt: null,
    reason: null,
  };
}

/**
 * The whole life of an attempt, in one place:
 *
 *     armed → booting → committed → installing → installed | failed
 *       └──────┴→ expired | disarmed    └───┴→ stalled → installed | failed
 *
 * An attempt commits at most 1 + retries times, and a new round follows only an
 * explicit `failed`: what is lost, repeated or late never leads to an install.
 */
export function advance(before: Attempt, event: AttemptEvent, now: number): Transition {
  const attempt = passTime(before, now);
  const passed: Transition = attempt === before ? { kind: "unchanged", attempt } : { kind: "moved", attempt };
  const refuse = (reason: RefusalReason): Transition => ({ kind: "refused", attempt, reason });
  const move = (change: Partial<Attempt>): Transition => ({
    kind: "moved",
    attempt: { ...attempt, ...change },
  });
  const end = (state: AttemptState, reason: string | null): Transition =>
    move({ state, reason, endedAt: now });

  switch (event.type) {
    case "tick":
      return passed;

    case "serve":
      if (!isActive(attempt)) return refuse("ended");
      if (!isBeforeCommit(attempt)) return refuse("already-committed");
      if (attempt.serves >= MAX_SERVES) {
        const failed = { ...attempt, state: "failed" as const, reason: "boot-loop", endedAt: now };
        return { kind: "refused", attempt: failed, reason: "boot-loop" };
      }
      return move({ state: "booting", serves: attempt.serves + 1 });

    case "commit":
      if (!isActive(attempt)) return refuse("ended");
      if (attempt.state === "armed") return refuse("not-served");
      if (attempt.state !== "booting") return passed;
      return move({ state: "committed", installs: attempt.installs + 1, committedAt: now });

    case "started":
    case "progress":
      return attempt.state === "committed" ? move({ state: "installing" }) : passed;

    case "installed":
      return isActive(attempt) && !isBeforeCommit(attempt) ? end("installed", null) : passed;

    case "failed":
      if (!isActive(attempt) || isBeforeCommit(attempt)) return passed;
      // Somebody may already be at a stalled machine; it is not wiped under their hands.
      if (attempt.state === "stalled" || attempt.answersRevoked || attempt.installs > attempt.retries) {
        return end("failed", event.reason);
      }
      return move({
        state: "armed",
        reason: event.reason,
        serves: 0,
        committedAt: null,
        expiresAt: now + attempt.ttlMs,
      });

    case "disarm":
      if (isHeld(attempt)) return move({ released: true });
      if (!isActive(attempt)) return passed;
      if (isBeforeCommit(attempt)) return end("disarmed", null);
      return attempt.answersRevoked ? passed : move({ answersRevoked: true });

    case "supersede": {
      if (!isActive(attempt)) return passed;
      const reason = `superseded by ${event.by}`;
      return isBeforeCommit(attempt)
        ? end("disarmed", reason)
        : move({ state: "failed", reason, endedAt: now, answersRevoked: true });
    }
  }
}

function installDeadline(attempt: Attempt): number {
  return (attempt.committedAt ?? attempt.armedAt) + attempt.installDeadlineMs;
}

function passTime(attempt: Attempt, now: number): Attempt {
  const deadline = nextDeadline(attempt);
  if (deadline === null || now < deadline) return attempt;
  return isBeforeCommit(attempt)
    ? { ...attempt, state: "expired", endedAt: deadline }
    : { ...attempt, state: "stalled", reason: "no callback before the install deadline" };
}
