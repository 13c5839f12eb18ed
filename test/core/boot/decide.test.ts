import { expect, test } from "vitest";
import { decideAnswer, ONCE_WINDOW_MS } from "../../../core/boot/answer.ts";
import { decide } from "../../../core/boot/decide.ts";
import { ATTEMPT_STATES } from "../../../core/boot/model.ts";
import { armed, inState, MACHINE, NOW } from "./fixtures.ts";

const MAC = MACHINE.macs[0]!;

test("a machine that is armed and observed installs, and the serve is counted", () => {
  expect(decide({ machine: MACHINE, observedMac: MAC, attempt: armed(), now: NOW })).toMatchObject({
    kind: "install",
    attempt: { state: "booting", serves: 1 },
  });
});

test("a sibling of the MAC in the path is the same machine", () => {
  const decision = decide({ machine: MACHINE, observedMac: MACHINE.macs[1]!, attempt: armed(), now: NOW });
  expect(decision.kind).toBe("install");
});

test("unknown, unobserved, mismatched and unarmed boot the local disk and touch no attempt", () => {
  const cases = [
    [{ machine: null, observedMac: MAC, attempt: null }, "unknown-machine"],
    [{ machine: MACHINE, observedMac: null, attempt: armed() }, "not-observed"],
    [{ machine: MACHINE, observedMac: "52:54:00:00:00:99", attempt: armed() }, "observed-mismatch"],
    [{ machine: MACHINE, observedMac: MAC, attempt: null }, "not-armed"],
  ] as const;
  for (const [request, reason] of cases) {
    expect(decide({ ...request, now: NOW })).toEqual({ kind: "local", reason, attempt: null });
  }
});

test("after the commit every state boots the local disk", () => {
  for (const state of ATTEMPT_STATES) {
    const decision = decide({ machine: MACHINE, observedMac: MAC, attempt: inState(state), now: NOW });
    expect(decision.kind, state).toBe(state === "armed" || state === "booting" ? "install" : "local");
  }
});

const ONCE = { template: "preseed" } as const;

test("the first GET of an answer commits; HEAD never does", () => {
  const request = { attempt: inState("booting"), file: ONCE, firstServedAt: null, now: NOW };
  expect(decideAnswer({ ...request, commits: false })).toMatchObject({
    kind: "serve",
    commits: false,
    attempt: { state: "booting", installs: 0 },
  });
  expect(decideAnswer({ ...request, commits: true })).toMatchObject({
    kind: "serve",
    commits: true,
    attempt: { state: "committed", installs: 1 },
  });
});

test("a once file is served again for 15 minutes, an attempt file for the whole attempt", () => {
  const request = { attempt: inState("installing"), commits: true, firstServedAt: NOW };
  const at = (now: number, lifetime: "once" | "attempt") =>
    decideAnswer({ ...request, file: { ...ONCE, lifetime }, now }).kind;
  expect(at(NOW + ONCE_WINDOW_MS, "once")).toBe("serve");
  expect(at(NOW + ONCE_WINDOW_MS + 1, "once")).toBe("refuse");
  expect(at(NOW + ONCE_WINDOW_MS + 1, "attempt")).toBe("serve");
});

test("answers are refused for files that do not exist, revoked, unserved, stalled and ended attempts", () => {
  const refusal = (change: Partial<Parameters<typeof decideAnswer>[0]>) =>
    decideAnswer({
      attempt: inState("committed"),
      file: ONCE,
      commits: true,
      firstServedAt: null,
      now: NOW,
      ...change,
    });
  const reasons: [Partial<Parameters<typeof decideAnswer>[0]>, string][] = [
    [{ file: undefined }, "no-such-file"],
    [{ attempt: inState("installing", { answersRevoked: true }) }, "revoked"],
    [{ attempt: inState("armed") }, "not-served"],
    [{ attempt: inState("stalled") }, "ended"],
    [{ attempt: inState("installed") }, "ended"],
    [{ attempt: inState("booting"), now: armed().expiresAt }, "ended"],
    [{ attempt: inState("disarmed") }, "ended"],
  ];
  for (const [change, reason] of reasons) {
    expect(refusal(change)).toMatchObject({ kind: "refuse", reason });
  }
});
