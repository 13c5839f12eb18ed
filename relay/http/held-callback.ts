import { randomUUID } from "node:crypto";

import { parseCapability } from "../../core/boot/capability.ts";
import {
  isCallbackName,
  MAX_CALLBACK_MESSAGE_LENGTH,
  type CallbackName,
} from "../../core/relay-protocol/events.ts";
import { askPatiently, type PatientOutcome } from "../decision/ask-patiently.ts";
import type { HeardCallback } from "../journal/journal-writer.ts";
import { answered, failed, sendReply, sendText, sendUnavailable, type Answer } from "./answer.ts";
import type { HeldExchange } from "./held-answer.ts";
import { readRequestBody } from "./request-body.ts";
import type { Slots } from "./slots.ts";
import type { Upstream } from "./upstream.ts";

export type CallbackServerOptions = {
  readonly upstream: Pick<Upstream, "ask">;
  readonly slots: Slots;
  /** Where callbacks go that the control plane could not be told. */
  readonly journal: {
    /** Whether earlier ones wait there. */
    hasCallbacks(): boolean;
    /** Resolves once it is durable. @throws when it cannot be written */
    recordCallback(callback: HeardCallback): Promise<void>;
  };
  readonly siteId: string;
  readonly holdMs: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
};

/** Serves callbacks: no installer waits for the WAN for long, and nothing that one was told is taken is lost. */
export type ServeCallback = (exchange: HeldExchange) => Promise<Answer>;

const TRY_MS = [4000];
const FIRST_PAUSE_MS = 500;

/**
 * Creates what serves callbacks. The control plane is asked for a while; what
 * it could not be told then goes to the journal and is acknowledged. A
 * capability's callbacks keep their order: each waits for the one before it,
 * and none overtakes one that is in the journal. A client that leaves has said
 * what it had to say.
 */
export function createCallbackServer({
  upstream,
  slots,
  journal,
  siteId,
  holdMs,
  now = Date.now,
  random = Math.random,
}: CallbackServerOptions): ServeCallback {
  /** The last callback of each capability that is under way. */
  const underway = new Map<string, Promise<unknown>>();

  async function inOrder<T>(key: string, run: () => Promise<T>): Promise<T> {
    const before = underway.get(key);
    const turn = (async () => {
      await before?.catch(() => undefined);
      return await run();
    })();
    underway.set(key, turn);
    try {
      return await turn;
    } finally {
      if (underway.get(key) === turn) underway.delete(key);
    }
  }

  async function deliver(
    exchange: HeldExchange,
    name: CallbackName,
    capabilityHash: string,
    body: Buffer,
  ): Promise<Answer> {
    const { request, response, target, observation } = exchange;
    const heard = { id: randomUUID(), at: new Date(now()).toISOString() };
    const isPost = request.method === "POST";
    const outcome: PatientOutcome | undefined = journal.hasCallbacks()
      ? undefined
      : await askPatiently(
          upstream,
          {
            method: request.method!,
            target,
            headers: request.headers,
            observation,
            eventId: heard.id,
            ...(isPost && { body }),
          },
          { totalMs: holdMs, tryMs: TRY_MS, pauseMs: FIRST_PAUSE_MS, random },
        );
    if (outcome?.kind === "answered") return sendReply(response, outcome.reply);
    const said = isPost ? body.toString() : messageOf(target);
    try {
      await journal.recordCallback({
        ...heard,
        mac: observation.client.mac,
        name,
        capabilityHash,
        message: said.slice(-MAX_CALLBACK_MESSAGE_LENGTH),
      });
    } catch (error) {
      return sendUnavailable(response, `a callback could not be kept: ${(error as Error).message}`);
    }
    response.writeHead(204, { "cache-control": "no-store" }).end();
    return answered(0);
  }

  return async (exchange) => {
    const { request, response, target, observation } = exchange;
    const [, , capabilityText, name] = target.split("?")[0]!.split("/");
    const capability = await parseCapability(capabilityText!);
    // The control plane would say so, too, in the same words.
    if (!isCallbackName(name!) || capability?.siteId !== siteId) {
      return sendText(response, 404, "not found\n");
    }
    const release = slots.take(observation.client.ip);
    if (release === undefined) return sendUnavailable(response, "too many requests are held");
    try {
      const read = await readRequestBody(request);
      if (read.kind === "incomplete") return failed("the client left before it had said all");
      if (read.kind === "too-large") {
        return sendText(response, 413, "the body is too large\n", { connection: "close" });
      }
      const { secretHash } = capability;
      return await inOrder(secretHash, () => deliver(exchange, name, secretHash, read.body));
    } finally {
      release();
    }
  };
}

/** What a callback says that is a GET: its query's `message`. */
function messageOf(target: string): string {
  return new URLSearchParams(target.split("?")[1] ?? "").get("message") ?? "";
}
