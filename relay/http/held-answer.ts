import type { IncomingMessage, ServerResponse } from "node:http";

import { askPatiently } from "../decision/ask-patiently.ts";
import { failed, sendReply, sendText, sendUnavailable, type Answer } from "./answer.ts";
import type { Observation } from "./headers.ts";
import type { Slots } from "./slots.ts";
import { readRequestBody } from "./request-body.ts";
import type { Upstream } from "./upstream.ts";

export type HeldExchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path and query, byte for byte. */
  readonly target: string;
  readonly observation: Observation;
};

export type HeldAnswerOptions = {
  readonly upstream: Pick<Upstream, "ask">;
  /** How many requests may be held at once. */
  readonly slots: Slots;
  readonly holdMs: number;
  /** In [0, 1). */
  readonly random?: () => number;
};

const TRY_MS = [8000];
const FIRST_PAUSE_MS = 500;

/**
 * Serves an answer file: brought whole before a byte of it leaves, and asked
 * for again where the WAN fails, since installers give up on the first error.
 * The control plane gives the same bytes again for a while. Nothing is kept.
 */
export async function serveHeldAnswer(exchange: HeldExchange, options: HeldAnswerOptions): Promise<Answer> {
  const { request, response, target, observation } = exchange;
  const { upstream, slots, holdMs, random = Math.random } = options;
  const release = slots.take(observation.client.ip);
  if (release === undefined) return sendUnavailable(response, "too many requests are held");
  const left = new AbortController();
  const leave = (): void => left.abort();
  response.once("close", leave);
  try {
    const read = await readRequestBody(request);
    if (read.kind === "incomplete") return failed("the client left before it had asked");
    if (read.kind === "too-large")
      return sendText(response, 413, "the body is too large\n", { connection: "close" });
    const question = {
      method: request.method!,
      target,
      headers: request.headers,
      observation,
      ...(request.method === "POST" && { body: read.body }),
    };
    const patience = { totalMs: holdMs, tryMs: TRY_MS, pauseMs: FIRST_PAUSE_MS, random, signal: left.signal };
    const outcome = await askPatiently(upstream, question, patience);
    if (response.destroyed) return failed("the client left before the answer");
    if (outcome.kind === "gave-up") {
      const { kind, reason } = outcome.trouble;
      return sendUnavailable(response, reason, kind === "refused" ? null : 5);
    }
    return sendReply(response, outcome.reply);
  } finally {
    response.off("close", leave);
    release();
  }
}
