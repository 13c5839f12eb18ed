import fc from "fast-check";

/** Machines of a schedule, and MACs of each. */
export const MACHINES = 2;
export const MACS = 2;

/** Whose MAC the relay observes: the machine's first or second, another machine's, nobody's, or it cannot tell. */
export type Observed = "first" | "second" | "other" | "stranger" | "none";

export type ScriptOperation = {
  readonly type: "script";
  readonly machine: number;
  /** Which of the machine's MACs the path names. */
  readonly mac: number;
  readonly observed: Observed;
  readonly times: number;
};

export type AnswerOperation = {
  readonly type: "answer";
  readonly machine: number;
  readonly method: "GET" | "HEAD" | "POST";
  /** Which boot's capability: 0 is the newest, 1 the one before, … */
  readonly boot: number;
  readonly file: "once.sh" | "late.sh" | "commit";
  readonly observed: Observed;
  readonly times: number;
  /** The reply never arrives. */
  readonly lost: boolean;
};

export type CallbackOperation = {
  readonly type: "callback";
  readonly machine: number;
  readonly event: "started" | "progress" | "installed" | "failed";
  readonly boot: number;
  readonly times: number;
};

export type ArmOperation = {
  readonly type: "arm";
  readonly machine: number;
  readonly retries: number;
  readonly ttlSeconds: number;
  /** Names the attempt last heard of. */
  readonly supersede: boolean;
  readonly key: number | null;
  readonly times: number;
};

export type Operation =
  | ScriptOperation
  | AnswerOperation
  | CallbackOperation
  | ArmOperation
  | { readonly type: "disarm"; readonly machine: number }
  | { readonly type: "alarm"; readonly times: number }
  /** The object is torn down and started again; `abort` does it to every object at once. */
  | { readonly type: "evict" | "abort" }
  /** KV answers nothing from now on, or has everything again. */
  | { readonly type: "kv"; readonly missing: boolean };

/** Time passes, then the operations run at once; the step ends when all of them have. */
export type Step = {
  readonly advanceSeconds: number;
  /** Each waits so many turns of the event loop first, so that every order is met. */
  readonly operations: readonly { readonly turns: number; readonly operation: Operation }[];
};

export type Schedule = readonly Step[];

/** The profile's, seconds. */
export const INSTALL_DEADLINE_SECONDS = 7_200;

const machine = fc.nat(MACHINES - 1);
const observed = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Observed>("first") },
  { weight: 4, arbitrary: fc.constant<Observed>("second") },
  { weight: 1, arbitrary: fc.constantFrom<Observed>("other", "stranger", "none") },
);
const boot = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: fc.nat(4) },
);
const times = fc.oneof(
  { weight: 8, arbitrary: fc.constant(1) },
  { weight: 2, arbitrary: fc.integer({ min: 2, max: 4 }) },
);

const script = fc.record<ScriptOperation>({
  type: fc.constant("script"),
  machine,
  mac: fc.nat(MACS - 1),
  observed,
  times: fc.oneof({ weight: 40, arbitrary: times }, { weight: 1, arbitrary: fc.constant(22) }),
});
const answer = fc.record<AnswerOperation>({
  type: fc.constant("answer"),
  machine,
  method: fc.oneof(
    { weight: 6, arbitrary: fc.constant<"GET">("GET") },
    { weight: 2, arbitrary: fc.constant<"HEAD">("HEAD") },
    { weight: 1, arbitrary: fc.constant<"POST">("POST") },
  ),
  boot,
  file: fc.oneof(
    { weight: 5, arbitrary: fc.constant<"once.sh">("once.sh") },
    { weight: 1, arbitrary: fc.constantFrom<"late.sh" | "commit">("late.sh", "commit") },
  ),
  observed,
  times,
  lost: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const callback = fc.record<CallbackOperation>({
  type: fc.constant("callback"),
  machine,
  event: fc.oneof(
    { weight: 3, arbitrary: fc.constant<"failed">("failed") },
    { weight: 2, arbitrary: fc.constantFrom<CallbackOperation["event"]>("started", "progress", "installed") },
  ),
  boot,
  times,
});
const arm = fc.record<ArmOperation>({
  type: fc.constant("arm"),
  machine,
  retries: fc.nat(2),
  ttlSeconds: fc.constantFrom(600, 3_600, 86_400),
  supersede: fc.oneof(
    { weight: 3, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  key: fc.option(fc.nat(1)),
  times,
});
const operation = fc.oneof<fc.MaybeWeightedArbitrary<Operation>[]>(
  { weight: 18, arbitrary: script },
  { weight: 20, arbitrary: answer },
  { weight: 12, arbitrary: callback },
  { weight: 8, arbitrary: arm },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("disarm" as const), machine }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("alarm" as const), times }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constantFrom("evict" as const, "evict" as const, "abort" as const) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("kv" as const), missing: fc.boolean() }) },
);
/** Seconds: past the once window, the install deadline and each ttl, and less. */
const pause = fc.oneof(
  { weight: 16, arbitrary: fc.constant(0) },
  { weight: 8, arbitrary: fc.constantFrom(1, 60, 601, 901, 3_601, 7_201) },
  { weight: 1, arbitrary: fc.constant(86_401) },
);
const step = fc.record<Step>({
  advanceSeconds: pause,
  operations: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.array(fc.record({ turns: fc.constant(0), operation }), { minLength: 1, maxLength: 1 }),
    },
    {
      weight: 2,
      arbitrary: fc.array(fc.record({ turns: fc.nat(3), operation }), { minLength: 2, maxLength: 4 }),
    },
  ),
});

/** Most of what machines do: a script, its answer, and the installer's last word, each at its own time. */
const install = fc
  .record({
    machine,
    boots: fc.record({ script, answer, callback }),
    pauses: fc.tuple(pause, pause),
    late: fc.option(answer),
  })
  .map(({ machine, boots, pauses, late }): Step[] => {
    const alone = (operation: Operation, advanceSeconds = 0): Step => ({
      advanceSeconds,
      operations: [{ turns: 0, operation }],
    });
    return [
      alone({ ...boots.script, machine }),
      alone({ ...boots.answer, machine, boot: 0 }, pauses[0]),
      ...(late === null ? [] : [alone({ ...late, machine })]),
      alone({ ...boots.callback, machine, boot: 0 }, pauses[1]),
    ];
  });

/** What one machine's script, answers, callbacks and orders do to each other at once. */
const race = fc
  .record({
    machine,
    first: script,
    together: fc.array(
      fc.record({
        turns: fc.nat(3),
        operation: fc.oneof<fc.MaybeWeightedArbitrary<Operation>[]>(
          { weight: 4, arbitrary: script },
          { weight: 4, arbitrary: answer.map((one) => ({ ...one, boot: 0 })) },
          { weight: 1, arbitrary: callback },
          { weight: 1, arbitrary: arm },
          { weight: 1, arbitrary: fc.record({ type: fc.constant("disarm" as const), machine }) },
        ),
      }),
      { minLength: 2, maxLength: 4 },
    ),
    after: answer,
  })
  .map(({ machine, first, together, after }): Step[] => {
    const on = (operation: Operation): Operation =>
      "machine" in operation ? { ...operation, machine } : operation;
    return [
      { advanceSeconds: 0, operations: [{ turns: 0, operation: on({ ...first, times: 1 }) }] },
      {
        advanceSeconds: 0,
        operations: together.map(({ turns, operation }) => ({ turns, operation: on(operation) })),
      },
      { advanceSeconds: 0, operations: [{ turns: 0, operation: on({ ...after, boot: 0 }) }] },
    ];
  });

/**
 * Random schedules: whole installs, races and single steps of anything. Each begins
 * with machines armed, since most of what an unarmed one can do is to boot its
 * disk.
 */
export const schedules: fc.Arbitrary<Schedule> = fc
  .tuple(
    fc.tuple(arm, arm),
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: step.map((one) => [one]) },
        { weight: 2, arbitrary: install },
        { weight: 1, arbitrary: race },
      ),
      {
        minLength: 3,
        maxLength: 12,
        size: "max",
      },
    ),
  )
  .map(([orders, segments]) => [
    {
      advanceSeconds: 0,
      operations: orders.map((order, i) => ({
        turns: 0,
        operation: { ...order, machine: i, supersede: false, times: 1 },
      })),
    },
    ...segments.flat(),
  ]);
