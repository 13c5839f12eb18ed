import { describe, expect, test } from "vitest";
import { decideAnswer, ONCE_WINDOW_MS } from "../../../core/boot/answer.ts";
import { MAX_SERVES } from "../../../core/boot/attempt.ts";
import { decide, type BootRequest, type UnarmedBoot } from "../../../core/boot/decide.ts";
import { ATTEMPT_STATES, type Attempt, type AttemptState } from "../../../core/boot/model.ts";
import { armed, inState, MACHINE, NOW } from "./fixtures.ts";

const MAC = MACHINE.macs[0]!;

const request = (change: Partial<BootRequest>): BootRequest => ({
  machine: MACHINE,
  observedMac: MAC,
  attempt: null,
  windowOpen: true,
  unarmed: { kind: "none" },
  now: NOW,
  ...change,
});

/** In words: the kind, and for the local disk the reason. */
function outcome(change: Partial<BootRequest>): string {
  const decision = decide(request(change));
  return decision.kind === "local" ? decision.reason : decision.kind;
}

const UNARMED: readonly (readonly [UnarmedBoot, string, string])[] = [
  // What the machine boots, then: inside the windows, outside of them.
  [{ kind: "none" }, "not-armed", "not-armed"],
  [{ kind: "missing" }, "profile-missing", "profile-missing"],
  [{ kind: "no-such-item" }, "no-such-item", "no-such-item"],
  [{ kind: "live" }, "live", "live"],
  [{ kind: "chain" }, "chain", "chain"],
  [{ kind: "menu" }, "menu", "menu"],
  [{ kind: "install", menuInstall: true, shown: true }, "arm", "outside-window"],
  [{ kind: "install", menuInstall: true, shown: false }, "menu-not-shown", "outside-window"],
  [{ kind: "install", menuInstall: false, shown: true }, "menu-install-off", "menu-install-off"],
  [{ kind: "install", menuInstall: false, shown: false }, "menu-install-off", "menu-install-off"],
];

/** `=`: as if there were no attempt. */
const BY_STATE: Record<AttemptState, readonly [inside: string, outside: string]> = {
  armed: ["install", "outside-window"],
  booting: ["install", "outside-window"],
  committed: ["already-committed", "already-committed"],
  installing: ["already-committed", "already-committed"],
  stalled: ["already-committed", "already-committed"],
  installed: ["=", "="],
  failed: ["=", "="],
  expired: ["=", "="],
  disarmed: ["=", "="],
};

const FAILED: readonly (readonly [Partial<Attempt>, string])[] = [
  [{ onFailure: "hold" }, "hold"],
  [{ onFailure: "rescue" }, "rescue"],
  [{ onFailure: "hold", released: true }, "="],
  [{ onFailure: "rescue", released: true }, "="],
];

describe("every attempt × every profile × the windows", () => {
  const attempts: [string, Attempt | null, readonly [string, string]][] = [
    ["no attempt", null, ["=", "="]],
    ...ATTEMPT_STATES.map((state): [string, Attempt, readonly [string, string]] => [
      state,
      inState(state),
      BY_STATE[state],
    ]),
    // A policy for failures says nothing while it has not failed.
    ...ATTEMPT_STATES.filter((state) => state !== "failed").map(
      (state): [string, Attempt, readonly [string, string]] => [
        `${state}, hold on failure`,
        inState(state, { onFailure: "hold" }),
        BY_STATE[state],
      ],
    ),
    ...FAILED.map(([change, expected]): [string, Attempt, readonly [string, string]] => [
      `failed ${JSON.stringify(change)}`,
      inState("failed", change),
      [expected, expected],
    ]),
  ];

  test.each(attempts)("%s", (_, attempt, [inside, outside]) => {
    for (const [unarmed, unarmedInside, unarmedOutside] of UNARMED) {
      const as = (expected: string, otherwise: string) => (expected === "=" ? otherwise : expected);
      expect(outcome({ attempt, unarmed })).toBe(as(inside, unarmedInside));
      expect(outcome({ attempt, unarmed, windowOpen: false })).toBe(as(outside, unarmedOutside));
    }
  });

  test.each(attempts)(
    "%s: who is not observed as this machine boots the disk, and touches nothing",
    (_, attempt) => {
      const strangers = [
        [{ machine: null }, "unknown-machine"],
        [{ observedMac: null }, "not-observed"],
        [{ observedMac: "52:54:00:00:00:99" }, "observed-mismatch"],
      ] as const;
      for (const [unarmed] of UNARMED)
        for (const windowOpen of [true, false])
          for (const [who, reason] of strangers) {
            const decision = decide(request({ attempt, unarmed, windowOpen, ...who }));
            expect(decision).toEqual({ kind: "local", reason, attempt: null });
          }
    },
  );
});

test("an install counts the serve; outside the windows nothing is counted", () => {
  expect(decide(request({ attempt: armed() })).attempt).toMatchObject({ state: "booting", serves: 1 });
  expect(decide(request({ attempt: armed(), windowOpen: false })).attempt).toBeNull();
});

test("a sibling of the MAC in the path is the same machine", () => {
  expect(outcome({ observedMac: MACHINE.macs[1]!, attempt: armed() })).toBe("install");
});

test("a boot loop fails the attempt, and what failure leads to follows at once", () => {
  for (const [onFailure, kind] of [
    [undefined, "local"],
    ["hold", "hold"],
    ["rescue", "rescue"],
  ] as const) {
    const attempt = inState("booting", { serves: MAX_SERVES, ...(onFailure && { onFailure }) });
    const decision = decide(request({ attempt }));
    expect(decision.kind).toBe(kind);
    expect(decision.attempt).toMatchObject({ state: "failed", reason: "boot-loop" });
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
