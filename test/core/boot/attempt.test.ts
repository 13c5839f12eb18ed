import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  advance,
  isActive,
  isBeforeCommit,
  isHeld,
  MAX_SERVES,
  nextDeadline,
  type AttemptEvent,
} from "../../../core/boot/attempt.ts";
import { ATTEMPT_STATES, type Attempt, type AttemptState } from "../../../core/boot/model.ts";
import { armed, HOUR, inState, NOW } from "./fixtures.ts";

const EVENTS: Record<string, AttemptEvent> = {
  serve: { type: "serve" },
  commit: { type: "commit" },
  started: { type: "started" },
  progress: { type: "progress" },
  installed: { type: "installed" },
  failed: { type: "failed", reason: "disk full" },
  disarm: { type: "disarm" },
  supersede: { type: "supersede", by: "a2" },
  tick: { type: "tick" },
};

/** State × event → state; `!` marks a refusal, `=` that nothing changes. */
const TABLE: Record<AttemptState, Record<string, string>> = {
  armed: row("booting", "!armed", "=", "=", "=", "=", "disarmed", "disarmed"),
  booting: row("booting", "committed", "=", "=", "=", "=", "disarmed", "disarmed"),
  committed: row("!committed", "=", "installing", "installing", "installed", "failed", "committed", "failed"),
  installing: row("!installing", "=", "=", "=", "installed", "failed", "installing", "failed"),
  stalled: row("!stalled", "=", "=", "=", "installed", "failed", "stalled", "failed"),
  installed: row("!installed", "!installed", "=", "=", "=", "=", "=", "="),
  failed: row("!failed", "!failed", "=", "=", "=", "=", "=", "="),
  expired: row("!expired", "!expired", "=", "=", "=", "=", "=", "="),
  disarmed: row("!disarmed", "!disarmed", "=", "=", "=", "=", "=", "="),
};

function row(...cells: string[]): Record<string, string> {
  return Object.fromEntries([...cells, "="].map((cell, i) => [Object.keys(EVENTS)[i]!, cell]));
}

describe("every state meets every event", () => {
  for (const state of ATTEMPT_STATES) {
    for (const [name, event] of Object.entries(EVENTS)) {
      const cell = TABLE[state][name]!;
      test(`${state} + ${name} → ${cell}`, () => {
        const before = inState(state);
        const transition = advance(before, event, NOW);
        if (cell === "=") {
          expect(transition).toEqual({ kind: "unchanged", attempt: before });
        } else if (cell.startsWith("!")) {
          expect(transition.kind).toBe("refused");
          expect(transition.attempt).toEqual(before);
        } else {
          expect(transition.kind).toBe("moved");
          expect(transition.attempt.state).toBe(cell);
        }
      });
    }
  }
});

test("serves are counted, and the twenty-first is a boot loop", () => {
  let attempt = armed();
  for (let i = 1; i <= MAX_SERVES; i++) {
    attempt = advance(attempt, EVENTS.serve!, NOW).attempt;
    expect(attempt.serves).toBe(i);
  }
  const last = advance(attempt, EVENTS.serve!, NOW);
  expect(last).toMatchObject({ kind: "refused", reason: "boot-loop" });
  expect(last.attempt).toMatchObject({ state: "failed", reason: "boot-loop", endedAt: NOW, installs: 0 });
});

describe("time", () => {
  test("an order expires at its ttl, whatever asks for it then", () => {
    for (const state of ["armed", "booting"] as const) {
      const before = inState(state);
      expect(advance(before, EVENTS.tick!, before.expiresAt - 1).kind).toBe("unchanged");
      expect(advance(before, EVENTS.tick!, before.expiresAt).attempt.state).toBe("expired");
      expect(advance(before, EVENTS.serve!, before.expiresAt)).toMatchObject({
        kind: "refused",
        reason: "ended",
        attempt: { state: "expired", serves: before.serves },
      });
      expect(advance(before, EVENTS.commit!, before.expiresAt)).toMatchObject({
        kind: "refused",
        attempt: { state: "expired", installs: 0 },
      });
    }
  });

  test("an install without a callback stalls at its deadline, counted from the commit", () => {
    const committed = { ...inState("committed"), committedAt: NOW + HOUR };
    expect(nextDeadline(committed)).toBe(NOW + 5 * HOUR);
    const stalled = advance(committed, EVENTS.tick!, NOW + 5 * HOUR).attempt;
    expect(stalled).toMatchObject({ state: "stalled", endedAt: null });
    expect(isActive(stalled)).toBe(true);
    expect(advance(stalled, EVENTS.installed!, NOW + 9 * HOUR).attempt.state).toBe("installed");
  });

  test("a late alarm changes what is due and nothing twice", () => {
    const expired = advance(armed(), EVENTS.tick!, NOW + 48 * HOUR).attempt;
    expect(expired.endedAt).toBe(armed().expiresAt);
    expect(advance(expired, EVENTS.tick!, NOW + 99 * HOUR)).toEqual({ kind: "unchanged", attempt: expired });
  });
});

describe("retries", () => {
  test("an explicit failure re-arms while retries are left, and never more often", () => {
    let attempt = armed(1);
    const run = (...names: string[]) => {
      for (const name of names) attempt = advance(attempt, EVENTS[name]!, NOW).attempt;
    };
    run("serve", "commit", "started", "failed");
    expect(attempt).toMatchObject({ state: "armed", serves: 0, installs: 1, committedAt: null });
    run("serve", "commit", "failed");
    expect(attempt).toMatchObject({ state: "failed", installs: 2, reason: "disk full" });
  });

  test("neither silence, nor a stalled install, nor a disarmed one is retried", () => {
    const stalled = inState("stalled", { retries: 5 });
    expect(advance(stalled, EVENTS.failed!, NOW).attempt.state).toBe("failed");
    const disarmed = advance(inState("installing", { retries: 5 }), EVENTS.disarm!, NOW).attempt;
    expect(disarmed).toMatchObject({ state: "installing", answersRevoked: true });
    expect(advance(disarmed, EVENTS.failed!, NOW).attempt.state).toBe("failed");
  });
});

test("what a failure leads to lasts until somebody acts", () => {
  const failed = inState("failed", { onFailure: "hold" });
  expect(isHeld(failed)).toBe(true);
  for (const name of ["serve", "commit", "started", "installed", "failed", "supersede", "tick"]) {
    expect(advance(failed, EVENTS[name]!, NOW).attempt).toEqual(failed);
  }
  const released = advance(failed, EVENTS.disarm!, NOW);
  expect(released).toMatchObject({ kind: "moved", attempt: { state: "failed", released: true } });
  expect(isHeld(released.attempt)).toBe(false);
  expect(advance(released.attempt, EVENTS.disarm!, NOW).kind).toBe("unchanged");
  for (const state of ATTEMPT_STATES.filter((state) => state !== "failed")) {
    expect(isHeld(inState(state, { onFailure: "hold" }))).toBe(false);
  }
  expect(isHeld(inState("failed"))).toBe(false);
});

test("no schedule of events installs more than 1 + retries times, and no commit follows an end", () => {
  const step = fc.tuple(fc.constantFrom(...Object.keys(EVENTS)), fc.integer({ min: 0, max: 6 * HOUR }));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3 }), fc.array(step, { maxLength: 120 }), (retries, steps) => {
      let attempt: Attempt = armed(retries);
      let now = NOW;
      let commits = 0;
      let failures = 0;
      for (const [name, wait] of steps) {
        now += wait;
        const before = attempt;
        attempt = advance(before, EVENTS[name]!, now).attempt;
        if (attempt.installs > before.installs) {
          commits++;
          expect(name).toBe("commit");
          expect(isBeforeCommit(before)).toBe(true);
        }
        if (name === "failed") failures++;
        if (!isActive(before)) expect(attempt).toEqual(before);
      }
      expect(attempt.installs).toBe(commits);
      expect(commits).toBeLessThanOrEqual(1 + Math.min(retries, failures));
    }),
    { numRuns: 5_000 },
  );
});
