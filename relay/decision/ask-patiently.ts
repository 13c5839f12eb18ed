import { setTimeout as sleep } from "node:timers/promises";

import type { Question, Upstream } from "../http/upstream.ts";
import { isAnswer, type Reply, type WholeReply } from "../http/whole-reply.ts";

/** An answer that is none: the control plane, or what stands before it, says "not now". */
export type Trouble = {
  /**
   * - `silent`: no answer in time
   * - `unreachable`: no connection, or a broken one
   * - `failing`: an answer that says that it failed, or is overloaded
   * - `refused`: it does not know our credential; asking again does not help
   */
  readonly kind: "silent" | "unreachable" | "failing" | "refused";
  /** For the operator. */
  readonly reason: string;
};

export type PatientOutcome =
  | { readonly kind: "answered"; readonly reply: WholeReply }
  | { readonly kind: "gave-up"; readonly trouble: Trouble };

export type Patience = {
  /** For all tries together. */
  readonly totalMs: number;
  /** For each; the last one's holds for those that follow. */
  readonly tryMs: readonly number[];
  /** The pause after the first try; it doubles up to `LONGEST_PAUSE_MS`. */
  readonly pauseMs: number;
  readonly signal?: AbortSignal;
  /** In [0, 1). */
  readonly random: () => number;
  /** Told what kept a try from being answered. */
  readonly onTrouble?: (trouble: Trouble) => void;
};

const LONGEST_PAUSE_MS = 4000;

/**
 * Asks the control plane again and again until it answers or the time is up.
 * Whatever machines ask may be repeated: serves are counted, answers are given
 * again for 15 minutes, callbacks are idempotent.
 */
export async function askPatiently(
  upstream: Pick<Upstream, "ask">,
  question: Question,
  { totalMs, tryMs, pauseMs, signal, random, onTrouble }: Patience,
): Promise<PatientOutcome> {
  const endsAt = performance.now() + totalMs;
  for (let tries = 0; ; tries++) {
    const leftMs = endsAt - performance.now();
    const timeoutMs = Math.max(1, Math.min(leftMs, tryMs[Math.min(tries, tryMs.length - 1)]!));
    const reply = await upstream.ask(question, { timeoutMs, signal });
    if (reply.kind === "answered" && isAnswer(reply.status)) return { kind: "answered", reply };
    const trouble = troubleOf(reply);
    onTrouble?.(trouble);
    // 75 % to 125 %: a site whose WAN comes back must not ask all at once.
    const nextPauseMs = Math.min(pauseMs * 2 ** tries, LONGEST_PAUSE_MS) * (0.75 + random() / 2);
    const mayGoOn = trouble.kind !== "refused" && signal?.aborted !== true;
    if (!mayGoOn || performance.now() + nextPauseMs >= endsAt) return { kind: "gave-up", trouble };
    await sleep(nextPauseMs);
  }
}

function troubleOf(reply: Reply): Trouble {
  if (reply.kind !== "answered")
    return { kind: reply.kind, reason: `the control plane cannot be reached: ${reply.reason}` };
  const { status } = reply;
  if (status === 401)
    return { kind: "refused", reason: "credentials refused; run `pxedge relay join` again" };
  return { kind: "failing", reason: `the control plane answered ${status}` };
}
