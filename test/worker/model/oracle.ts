import { INSTALL_DEADLINE_SECONDS, type AnswerOperation, type Operation } from "./schedule.ts";

/** A rule of DESIGN.md's "An attempt" that the control plane broke. */
export class BrokenRule extends Error {
  constructor(rule: string, detail: object) {
    super(`${rule}: ${JSON.stringify(detail)}`);
    this.name = "BrokenRule";
  }
}

const ONCE_WINDOW_MS = 15 * 60_000;
const INSTALL_DEADLINE_MS = INSTALL_DEADLINE_SECONDS * 1_000;
const MAX_SERVES = 20;

/** One boot: a script that was served, known by the capability it carries. */
type Boot = {
  readonly capability: string;
  readonly attempt: KnownAttempt;
  /** The step that received it. */
  readonly step: number;
  /** Answer bytes by file, and when the first of them came. */
  readonly files: Map<string, { at: number; text: string }>;
  /** When each file was first asked for, by GET or POST; the reply may have been lost. */
  readonly asked: Map<string, number>;
  /** When the control plane first answered such a request: it had committed by then. */
  committedBy: number | null;
  /** Such a request failed midway: it may have committed. */
  unsure: boolean;
};

/**
 * What an outsider knows of an attempt. `open`: it surely may install.
 * `committed`: it surely installs by `boot`. `unknown`: replies were lost or
 * crossed each other, only the safety rules can be checked.
 */
type Phase = { kind: "open" } | { kind: "committed"; boot: Boot } | { kind: "unknown" };

export type KnownAttempt = {
  readonly id: string;
  readonly machine: number;
  readonly retries: number;
  readonly ttlMs: number;
  readonly boots: Boot[];
  /** Boots that received answer bytes. */
  readonly withBytes: Set<Boot>;
  /** Boots that reported a failure while that could count. */
  readonly failed: Set<Boot>;
  /** The latest instant at which the present order may have begun. */
  roundAt: number;
  /** The last step whose scripts may be of the order before it. */
  roundStep: number;
  serves: number;
  phase: Phase;
  /** Acknowledged: no answer byte from the next step on. */
  over: boolean;
};

/** A reply to one request of a step. `text` is `null` where it was lost. */
export type Exchange =
  | { operation: Operation & { type: "script" }; owner: number | null; status: number; text: string }
  | {
      operation: AnswerOperation;
      owner: number | null;
      capability: string;
      status: number;
      text: string;
    }
  | { operation: Operation & { type: "callback" }; capability: string; status: number }
  | {
      operation: Operation & { type: "arm" };
      superseded: string | null;
      status: number;
      attempt: { id: string; retries: number; ttlSeconds: number } | null;
    }
  | { operation: Operation & { type: "disarm" }; status: number; attempt: { id: string } | null };

/**
 * The rules, seen from outside: it knows only what was asked and answered. A
 * step's exchanges ran at once, so that a rule applies to what was known when
 * the step began.
 */
export class Oracle {
  private readonly attempts = new Map<string, KnownAttempt>();
  private readonly boots = new Map<string, Boot>();
  private readonly byKey = new Map<string, { attempt: string; body: string }>();
  private readonly local: string;
  private step = 0;

  /** @param local the script that boots the local disk */
  constructor(local: string) {
    this.local = local;
  }

  /** The attempt of a machine that was heard of last. */
  latestAttempt(machine: number): KnownAttempt | undefined {
    return [...this.attempts.values()].findLast((attempt) => attempt.machine === machine);
  }

  /** A machine's capability, 0 is the newest. */
  capability(machine: number, back: number): string | undefined {
    return [...this.boots.values()].filter((boot) => boot.attempt.machine === machine).at(-1 - back)
      ?.capability;
  }

  /**
   * Judges a step.
   *
   * @param disturbed objects were aborted or KV was out: a 5xx is then no fault
   * @throws BrokenRule
   */
  judge(exchanges: readonly Exchange[], now: number, disturbed: boolean): void {
    this.step++;
    for (const exchange of exchanges) {
      if (exchange.status >= 500 && !disturbed) throw new BrokenRule("no request fails", exchange);
    }
    const of = <T extends Operation["type"]>(type: T) =>
      exchanges.filter(
        (exchange): exchange is Extract<Exchange, { operation: { type: T } }> =>
          exchange.operation.type === type,
      );
    const overBefore = new Set([...this.attempts.values()].filter(({ over }) => over).map(({ id }) => id));
    const bytesBefore = new Map([...this.attempts.values()].map(({ id, withBytes }) => [id, withBytes.size]));
    const certain = this.certainties(exchanges);

    for (const arm of of("arm")) this.heardOfArm(arm, now);
    for (const { operation, capability, status } of of("answer")) {
      if (operation.method !== "HEAD") this.sentFetch(operation.file, capability, status, now);
    }
    // What was sent counts, whether or not it was acknowledged.
    for (const { operation, capability } of of("callback")) {
      if (operation.event === "failed") this.sentFailure(capability, now, certain);
    }
    // Installs first: a local boot may be due to those beside it.
    const scripts = of("script").sort(
      (a, b) => Number(a.text === this.local) - Number(b.text === this.local),
    );
    for (const script of scripts) this.gotScript(script, now, overBefore, bytesBefore, certain);
    for (const answer of of("answer")) this.gotAnswer(answer, now, overBefore, certain);
    for (const callback of of("callback")) this.gotCallback(callback, now, certain);
    for (const { status, attempt } of of("disarm")) {
      if (status === 200 && attempt !== null) this.end(attempt.id);
    }
    const orders = of("arm").filter(({ status }) => status === 201);
    for (const { superseded, operation, attempt } of orders) {
      if (superseded !== null) this.end(superseded);
      // A new order is only taken when every older one is over.
      if (orders.filter((other) => other.operation.machine === operation.machine).length > 1) continue;
      for (const { id, machine } of this.attempts.values()) {
        if (machine === operation.machine && id !== attempt?.id) this.end(id);
      }
    }
    this.forgetWhatCrossed(exchanges);
  }

  /** By machine: whether nothing in this step can cross a script, an answer or a failure of it. */
  private certainties(exchanges: readonly Exchange[]) {
    const crossing = (machine: number, types: readonly string[]) =>
      exchanges.some(({ operation, status }) => {
        if (operation.machine !== machine) return false;
        if (status >= 500) return true;
        if (operation.type === "answer") return operation.method !== "HEAD" && types.includes("answer");
        if (operation.type === "callback") return types.includes(operation.event);
        return types.includes(operation.type);
      });
    return {
      script: (machine: number) => !crossing(machine, ["answer", "arm", "disarm"]),
      answer: (machine: number) => !crossing(machine, ["script", "arm", "disarm", "failed", "installed"]),
      callback: (machine: number) => !crossing(machine, ["answer", "script", "arm", "disarm"]),
    };
  }

  private heardOfArm(exchange: Extract<Exchange, { operation: { type: "arm" } }>, now: number): void {
    const { operation, status, attempt } = exchange;
    if (attempt === null) return;
    if (operation.key !== null && status < 500) {
      const key = `${operation.machine} ${operation.key}`;
      const { retries, ttlSeconds } = operation;
      const body = JSON.stringify([retries, ttlSeconds, exchange.superseded]);
      const earlier = this.byKey.get(key);
      if (earlier !== undefined && (earlier.attempt !== attempt.id || earlier.body !== body)) {
        throw new BrokenRule("the same Idempotency-Key is the same order", exchange);
      }
      this.byKey.set(key, { attempt: attempt.id, body });
    }
    if (this.attempts.has(attempt.id)) return;
    this.attempts.set(attempt.id, {
      id: attempt.id,
      machine: operation.machine,
      retries: attempt.retries,
      ttlMs: attempt.ttlSeconds * 1_000,
      boots: [],
      withBytes: new Set(),
      failed: new Set(),
      roundAt: now,
      roundStep: this.step - 1,
      serves: 0,
      phase: status === 201 ? { kind: "open" } : { kind: "unknown" },
      over: false,
    });
  }

  private sentFetch(file: string, capability: string, status: number, now: number): void {
    const boot = this.boots.get(capability);
    if (boot === undefined) return;
    if (!boot.asked.has(file)) boot.asked.set(file, now);
    if (status === 200) boot.committedBy ??= now;
    if (status >= 500) boot.unsure = true;
  }

  /** A failure counts where its boot may have committed, and has not been replaced by a newer one. */
  private sentFailure(capability: string, now: number, certain: ReturnType<Oracle["certainties"]>): void {
    const boot = this.boots.get(capability);
    if (boot === undefined) return;
    const { attempt } = boot;
    if (attempt.over || this.isReplaced(boot) || (boot.committedBy === null && !boot.unsure)) return;
    if (boot.committedBy !== null && now >= boot.committedBy + INSTALL_DEADLINE_MS) return;
    if (attempt.phase.kind === "open") {
      // Armed again by an earlier one: this one is a duplicate.
      if (certain.callback(attempt.machine)) return;
      // Or it follows a commit of this very step.
      attempt.phase = { kind: "unknown" };
    }
    attempt.failed.add(boot);
    attempt.roundAt = now;
    attempt.roundStep = this.step;
    attempt.serves = 0;
  }

  private gotScript(
    { operation, owner, status, text }: Extract<Exchange, { operation: { type: "script" } }>,
    now: number,
    overBefore: ReadonlySet<string>,
    bytesBefore: ReadonlyMap<string, number>,
    certain: ReturnType<Oracle["certainties"]>,
  ): void {
    if (status >= 500) return;
    const [, attemptId, capability] = /attempt=(\w+) answers=\S*\/a\/([0-9a-f]{48})\//.exec(text) ?? [];
    if (attemptId === undefined || capability === undefined) {
      if (text !== this.local) throw new BrokenRule("local boot is one and the same script", { text });
      const attempt = this.latestAttempt(operation.machine);
      const open = attempt?.phase.kind === "open" && !attempt.over && now < attempt.roundAt + attempt.ttlMs;
      const served = (attempt?.serves ?? 0) >= MAX_SERVES;
      if (open && !served && owner === operation.machine && certain.script(operation.machine)) {
        throw new BrokenRule("an armed machine gets its script", { operation, attempt: attempt.id });
      }
      return;
    }
    const attempt = this.attempts.get(attemptId);
    if (attempt === undefined) throw new BrokenRule("a script is of an order that was made", { attemptId });
    const facts = { attempt: attempt.id, operation, now };
    if (owner !== operation.machine || attempt.machine !== owner) {
      throw new BrokenRule("a script goes to the machine that was observed", facts);
    }
    if (overBefore.has(attemptId)) throw new BrokenRule("no script of an attempt that is over", facts);
    if (now >= attempt.roundAt + attempt.ttlMs) throw new BrokenRule("no script after the ttl", facts);
    if ((bytesBefore.get(attemptId) ?? 0) >= allowedBoots(attempt)) {
      throw new BrokenRule("after the commit the script is the local one", facts);
    }
    const boot: Boot = {
      capability,
      attempt,
      step: this.step,
      files: new Map(),
      asked: new Map(),
      committedBy: null,
      unsure: false,
    };
    attempt.serves++;
    attempt.boots.push(boot);
    if (attempt.boots.length > MAX_SERVES * (1 + attempt.failed.size)) {
      throw new BrokenRule("20 serves are a boot loop", facts);
    }
    this.boots.set(capability, boot);
  }

  private gotAnswer(
    { operation, owner, capability, status, text }: Extract<Exchange, { operation: { type: "answer" } }>,
    now: number,
    overBefore: ReadonlySet<string>,
    certain: ReturnType<Oracle["certainties"]>,
  ): void {
    const boot = this.boots.get(capability);
    if (boot === undefined) throw new BrokenRule("a capability comes from a script", { capability });
    const { attempt } = boot;
    const facts = { attempt: attempt.id, operation, boot: attempt.boots.indexOf(boot), now };
    const first = boot.files.get(operation.file);

    if (status !== 200) {
      if (status < 500 && owner === attempt.machine && certain.answer(attempt.machine)) {
        this.judgeRefusal(operation, boot, now, facts);
      }
      return;
    }
    if (owner !== attempt.machine) {
      throw new BrokenRule("an answer goes to the machine that was observed", facts);
    }
    if (overBefore.has(attempt.id)) {
      throw new BrokenRule("no answer after disarm, supersede or the end", facts);
    }
    if (this.isReplaced(boot)) {
      throw new BrokenRule("a newer script kills the older capabilities", facts);
    }
    const commits = !boot.unsure && (boot.committedBy === null || boot.committedBy === now);
    if (commits && now >= attempt.roundAt + attempt.ttlMs) {
      throw new BrokenRule("no commit after the ttl", facts);
    }
    if (boot.committedBy !== null && now >= boot.committedBy + INSTALL_DEADLINE_MS) {
      throw new BrokenRule("no answer after the install deadline", facts);
    }
    if (operation.method === "HEAD") {
      if (text !== "") throw new BrokenRule("HEAD has no body", facts);
      return;
    }
    if (operation.file === "once.sh" && first !== undefined && now - first.at > ONCE_WINDOW_MS) {
      throw new BrokenRule("a once file is served for 15 minutes", facts);
    }
    if (operation.lost) return;

    if (operation.file !== "commit" && !text.startsWith(`attempt='${attempt.id}'\n`)) {
      throw new BrokenRule("an answer is of its own attempt", { ...facts, text });
    }
    if (first !== undefined && first.text !== text) {
      throw new BrokenRule("the same bytes again", { ...facts, text });
    }
    if (first === undefined) boot.files.set(operation.file, { at: now, text });
    attempt.withBytes.add(boot);
    if (attempt.withBytes.size > allowedBoots(attempt)) {
      throw new BrokenRule("at most one install an arm, and one more a reported failure", facts);
    }
    if (attempt.phase.kind === "open") attempt.phase = { kind: "committed", boot };
  }

  /** A refusal is wrong where the boot surely may have its answers. */
  private judgeRefusal(operation: AnswerOperation, boot: Boot, now: number, facts: object): void {
    const { attempt } = boot;
    if (attempt.over || attempt.boots.at(-1) !== boot) return;
    // Of two scripts of one step, either may be the newer.
    if (attempt.boots.some((other) => other !== boot && other.step === boot.step)) return;
    const live =
      attempt.phase.kind === "open"
        ? boot.step > attempt.roundStep && now < attempt.roundAt + attempt.ttlMs
        : attempt.phase.kind === "committed" &&
          attempt.phase.boot === boot &&
          now < (boot.committedBy ?? 0) + INSTALL_DEADLINE_MS;
    const asked = boot.asked.get(operation.file);
    const spent = operation.file === "once.sh" && asked !== undefined && now - asked > ONCE_WINDOW_MS;
    if (live && !spent) throw new BrokenRule("the machine that may install gets its answers", facts);
  }

  private gotCallback(
    { operation, capability, status }: Extract<Exchange, { operation: { type: "callback" } }>,
    now: number,
    certain: ReturnType<Oracle["certainties"]>,
  ): void {
    const boot = this.boots.get(capability);
    if (boot === undefined || status !== 200) return;
    const { attempt } = boot;
    const { phase } = attempt;
    if (operation.event !== "installed" && operation.event !== "failed") return;
    if (phase.kind !== "committed" || phase.boot !== boot) return;
    if (!certain.callback(attempt.machine)) attempt.phase = { kind: "unknown" };
    else if (operation.event === "installed") this.end(attempt.id);
    else if (now >= boot.committedBy! + INSTALL_DEADLINE_MS) this.end(attempt.id);
    else if (attempt.withBytes.size > attempt.retries) this.end(attempt.id);
    else attempt.phase = { kind: "open" };
  }

  /** A newer script of the attempt came in an earlier step. */
  private isReplaced(boot: Boot): boolean {
    return boot.attempt.boots.some((other) => other.step > boot.step && other.step < this.step);
  }

  private end(id: string): void {
    const attempt = this.attempts.get(id);
    if (attempt !== undefined) attempt.over = true;
  }

  /** Lost replies, failed requests and crossing orders leave an outsider unsure. */
  private forgetWhatCrossed(exchanges: readonly Exchange[]): void {
    const count = (machine: number, test: (exchange: Exchange) => boolean) =>
      exchanges.filter((exchange) => exchange.operation.machine === machine && test(exchange)).length;
    for (const attempt of this.attempts.values()) {
      const { machine, phase } = attempt;
      const lost = count(
        machine,
        ({ operation, status }) => status >= 500 || (operation.type === "answer" && operation.lost),
      );
      const orders = count(
        machine,
        ({ operation, status }) =>
          (operation.type === "arm" && status === 201) || (operation.type === "disarm" && status === 200),
      );
      const ends = count(
        machine,
        ({ operation }) =>
          operation.type === "callback" && (operation.event === "installed" || operation.event === "failed"),
      );
      if ((lost > 0 && phase.kind === "open") || orders > 1 || (ends > 1 && phase.kind !== "open")) {
        attempt.phase = { kind: "unknown" };
      }
      if (attempt.serves >= MAX_SERVES) attempt.phase = { kind: "unknown" };
    }
  }
}

function allowedBoots(attempt: KnownAttempt): number {
  return 1 + Math.min(attempt.retries, attempt.failed.size);
}
