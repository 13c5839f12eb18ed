import { describe, expect, test } from "vitest";
import { planRetry, type RetryOptions } from "../../../relay/decision/retry-plan.ts";

const plan = (change: Partial<RetryOptions> = {}) =>
  planRetry({
    trouble: "silent",
    waitedSeconds: 0,
    tookSeconds: 2.7,
    bootWaitSeconds: 300,
    choice: undefined,
    random: () => 0.5,
    ...change,
  });

describe("what a machine does for which there is no decision", () => {
  test("it says what is wrong, pauses, and counts what it has waited", () => {
    expect(plan()).toEqual({
      kind: "retry",
      message: ["the control plane does not answer", "asking again in 2 s (waited 3 of 300 s so far)"],
      askAgainSeconds: 2,
      waitedSeconds: 5,
    });
  });

  test.each([
    ["unreachable", "cannot be reached"],
    ["failing", "has an error"],
    ["refused", "pxedge relay join"],
  ] as const)("%s", (trouble, text) => {
    expect(plan({ trouble })).toMatchObject({ message: [expect.stringContaining(text), expect.anything()] });
  });

  test("until it has waited as long as the site says: then its local disk", () => {
    let waitedSeconds = 0;
    const pauses: number[] = [];
    for (;;) {
      const next = plan({ waitedSeconds });
      if (next.kind !== "retry") {
        expect(next).toEqual({ kind: "local" });
        break;
      }
      pauses.push(next.askAgainSeconds);
      waitedSeconds = next.waitedSeconds;
    }
    expect(pauses[0]).toBe(2);
    expect(Math.max(...pauses)).toBe(30);
    expect(waitedSeconds).toBeGreaterThanOrEqual(297);
    expect(waitedSeconds).toBeLessThanOrEqual(300);
  });

  test("for ever where the site says so", () => {
    expect(plan({ bootWaitSeconds: null, waitedSeconds: 86_400 })).toMatchObject({
      kind: "retry",
      askAgainSeconds: 30,
      message: [expect.anything(), "asking again in 30 s (waited 86403 s so far)"],
    });
  });

  test("machines that were told so together do not come back together", () => {
    const pauses = [0, 0.25, 0.5, 0.75, 0.99].map((value) => {
      const next = plan({ waitedSeconds: 100, random: () => value });
      return next.kind === "retry" ? next.askAgainSeconds : 0;
    });
    expect(new Set(pauses).size).toBe(5);
    expect(Math.min(...pauses)).toBe(23);
    expect(Math.max(...pauses)).toBe(37);
  });
});
