import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http";

import { receiveHead } from "../net/response-head.ts";

/**
 * What came of asking the control plane once:
 * - `answered`: all of its answer, whatever the status
 * - `unreachable`: no connection, or one that broke; what was asked may have been done nevertheless
 * - `silent`: the same, and nothing broke: the time was up
 */
export type Reply =
  | ({ readonly kind: "answered" } & WholeReply)
  | { readonly kind: "unreachable" | "silent"; readonly reason: string };

/** An answer with all of its body. */
export type WholeReply = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

/** Whether a status is the control plane's word; the others are "not now", or not for the client. */
export function isAnswer(status: number): boolean {
  return status < 500 && status !== 401 && status !== 408 && status !== 429;
}

/** Answer files and scripts are far smaller. */
const MAX_REPLY_BYTES = 8 * 1024 * 1024;

export type WholeExchange = {
  readonly pooled: Agent;
  readonly fresh: Agent;
  readonly body: Buffer | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onAnswer: (answer: IncomingMessage) => void;
};

/** Sends a request and reads the whole answer; never throws. */
export async function exchangeWhole(
  open: (agent: Agent) => ClientRequest,
  exchange: WholeExchange,
): Promise<Reply> {
  const endsAt = performance.now() + exchange.timeoutMs;
  const first = open(exchange.pooled);
  try {
    return await converse(first, exchange, exchange.timeoutMs);
  } catch (error) {
    if (error instanceof SilenceError) return { kind: "silent", reason: error.message };
    const { code } = error as NodeJS.ErrnoException;
    if (!first.reusedSocket || (code !== "ECONNRESET" && code !== "EPIPE"))
      return unreachable(error as Error);
  }
  try {
    return await converse(open(exchange.fresh), exchange, endsAt - performance.now());
  } catch (error) {
    return error instanceof SilenceError
      ? { kind: "silent", reason: error.message }
      : unreachable(error as Error);
  }
}

function unreachable({ message, name }: Error): Reply {
  return { kind: "unreachable", reason: message || name };
}

/** @throws SilenceError, or what broke the connection */
async function converse(
  outgoing: ClientRequest,
  { body, signal, onAnswer }: WholeExchange,
  timeoutMs: number,
): Promise<Reply> {
  let timeIsUp = false;
  const timer = setTimeout(() => {
    timeIsUp = true;
    outgoing.destroy(new SilenceError());
  }, timeoutMs);
  const abort = (): void => void outgoing.destroy(new Error("given up"));
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted === true) abort();
  try {
    const answer = await receiveHead(outgoing, body);
    onAnswer(answer);
    return {
      kind: "answered",
      status: answer.statusCode!,
      headers: answer.headers,
      body: await readWhole(answer),
    };
  } catch (error) {
    // An answer that stops in the middle breaks off with an error of its own.
    throw timeIsUp ? new SilenceError() : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

async function readWhole(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_REPLY_BYTES) throw new Error(`an answer of more than ${MAX_REPLY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

class SilenceError extends Error {
  override readonly name = "SilenceError";

  constructor() {
    super("no answer in time");
  }
}
