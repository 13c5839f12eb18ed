import type { Mac } from "../../core/addresses.ts";
import type { Logger } from "pino";

import type { EventSink } from "../../core/relay-protocol/events.ts";
import { renderScript } from "../../core/render/scripts/dialects.ts";
import type { Upstream } from "../http/upstream.ts";
import type { WholeReply } from "../http/whole-reply.ts";
import { askPatiently, type PatientOutcome, type Trouble } from "./ask-patiently.ts";
import { createFlights, type Flight } from "./flights.ts";
import type { LastGood } from "./last-good.ts";
import { planRetry } from "./retry-plan.ts";
import { parseScriptTarget, type ParsedScriptTarget, type ScriptRequest } from "./script-request.ts";

/**
 * What a machine is given when it asks what to boot:
 * - `decided`: what the control plane answered
 * - `substituted`: what the relay gives it in its place, and why
 * - `unavailable`: nothing; it may ask again after so many seconds
 */
export type Decision =
  | { readonly kind: "decided"; readonly reply: WholeReply }
  | { readonly kind: "substituted"; readonly body: Buffer; readonly reason: string }
  | { readonly kind: "unavailable"; readonly retryAfterSeconds: number; readonly reason: string };

/**
 * How long the machine of a MAC waits for its script before it boots its local
 * disk; `null`: for ever, because its site says so or because it has no disk.
 */
export type BootWait = (mac: Mac | null) => number | null;

export type Decider = {
  /** Answers within the budget, whatever the WAN does; never throws. */
  decide(request: ScriptRequest): Promise<Decision>;
};

export type DeciderOptions = {
  readonly upstream: Pick<Upstream, "ask">;
  readonly lastGood: LastGood;
  /** How long a machine waits for its script at most, as it is configured just now. */
  readonly budgetMs: () => number;
  readonly bootWaitSeconds: BootWait;
  /** When the control plane answered anything last; `performance.now()` time. */
  readonly lastAnswerAt: () => number;
  /** Asks the control plane for anything else, to learn whether the WAN works. */
  readonly probe: () => void;
  readonly onEvent: EventSink;
  readonly log: Pick<Logger, "error" | "warn">;
  /** In [0, 1). */
  readonly random?: () => number;
};

/** What is left of the budget for all that is not waiting. */
const WAIT_SHARE = 0.9;
/** A question outlives the machine's patience: its answer is there when the machine asks again. */
const TRY_BUDGETS = [2, 4] as const;
const FIRST_PAUSE_MS = 250;
const KEEP_MS = 10_000;
const MAX_FLIGHTS = 2000;

/** Creates what answers machines that ask what to boot. */
export function createDecider(options: DeciderOptions): Decider {
  const { upstream, lastGood, budgetMs, bootWaitSeconds, lastAnswerAt, onEvent, log } = options;
  const { random = Math.random, probe } = options;
  const flights = createFlights({ maxFlights: MAX_FLIGHTS, keepMs: KEEP_MS });

  /** Asks, and learns from the answer, whether the machine still waits for it or not. */
  async function ask(
    request: ScriptRequest,
    parsed: ParsedScriptTarget,
    onTrouble: (trouble: Trouble) => void,
  ): Promise<PatientOutcome> {
    const { headers, observation } = request;
    const tryMs = TRY_BUDGETS.map((budgets) => budgets * budgetMs());
    const totalMs = tryMs.reduce((sum, ms) => sum + ms);
    const question = { method: "GET", target: parsed.asked, headers, observation };
    const patience = { totalMs, tryMs, pauseMs: FIRST_PAUSE_MS, random, onTrouble };
    const outcome = await askPatiently(upstream, question, patience);
    if (outcome.kind === "answered") lastGood.learn(parsed, observation.client, outcome.reply);
    return outcome;
  }

  async function substitute(
    request: ScriptRequest,
    parsed: ParsedScriptTarget,
    trouble: Trouble,
    startedAt: number,
  ): Promise<Decision> {
    const { client, baseUrl } = request.observation;
    const note = (kind: string, reason: string): void => {
      const detail = { kind, reason, dialect: parsed.dialect, by: "relay" };
      onEvent({ mac: client.mac, stage: "decision", name: "served", detail });
    };
    // A WAN that works has lost this one question: the next one brings what is true now.
    const isCutOff = lastAnswerAt() < startedAt && trouble.kind !== "refused";
    const known = isCutOff ? await lastGood.recall(parsed, client) : undefined;
    if (known !== undefined) {
      note("last-known-good", trouble.reason);
      return { kind: "substituted", body: Buffer.from(known), reason: `last known good: ${trouble.reason}` };
    }
    const plan = planRetry({
      trouble: trouble.kind,
      waitedSeconds: parsed.waitedSeconds,
      tookSeconds: (performance.now() - startedAt) / 1000,
      bootWaitSeconds: bootWaitSeconds(client.mac),
      choice: parsed.choice,
      random,
    });
    // Whoever has no MAC that we can read has no script to ask for again.
    const place = { mac: parsed.mac ?? "", baseUrl };
    const text = renderScript(parsed.dialect, parsed.mac === undefined ? { kind: "local" } : plan, place);
    note(plan.kind, trouble.reason);
    return { kind: "substituted", body: Buffer.from(text), reason: trouble.reason };
  }

  async function decide(request: ScriptRequest): Promise<Decision> {
    const parsed = parseScriptTarget(request.target);
    if (parsed === undefined) throw new TypeError("not the path of a boot script");
    const startedAt = performance.now();
    const flight = flights.join(keyOf(request, parsed), (onTrouble) => ask(request, parsed, onTrouble));
    if (flight === undefined) {
      return {
        kind: "unavailable",
        retryAfterSeconds: laterSeconds(random),
        reason: "too many machines ask at once",
      };
    }
    const outcome = await waitFor(flight, budgetMs() * WAIT_SHARE, request.signal, probe);
    if (outcome?.kind === "answered") return { kind: "decided", reply: outcome.reply };
    const why = outcome?.trouble ?? flight.trouble() ?? { kind: "silent", reason: "no answer in time" };
    return substitute(request, parsed, why, startedAt);
  }

  return {
    async decide(request) {
      try {
        return await decide(request);
      } catch (error) {
        const { mac } = request.observation.client;
        log.error({ err: error, mac }, "a boot script could not be made");
        return {
          kind: "unavailable",
          retryAfterSeconds: laterSeconds(random),
          reason: "an error in the relay",
        };
      }
    },
  };
}

/** What was asked for, and by whom: another who asks the same is somebody else. */
function keyOf({ observation }: ScriptRequest, { asked }: ParsedScriptTarget): string {
  const { client, baseUrl } = observation;
  return [asked, client.ip, client.mac, client.interface, baseUrl].join(" ");
}

/** `undefined` when the time is up or the machine has left. Asks for a sign of life when half of it has passed. */
async function waitFor(
  flight: Flight,
  waitMs: number,
  signal: AbortSignal | undefined,
  probe: () => void,
): Promise<PatientOutcome | undefined> {
  let end: () => void = () => undefined;
  const ended = new Promise<undefined>((resolve) => {
    end = () => resolve(undefined);
  });
  const half = setTimeout(probe, waitMs / 2);
  const timer = setTimeout(end, waitMs);
  signal?.addEventListener("abort", end, { once: true });
  if (signal?.aborted === true) end();
  try {
    return await Promise.race([flight.landed, ended]);
  } finally {
    clearTimeout(half);
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
    flight.leave();
  }
}

/** Spread out: those who are told "later" together must not come back together. */
function laterSeconds(random: () => number): number {
  return 2 + Math.floor(random() * 6);
}
