import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import { pipeline } from "node:stream/promises";

import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import { answered, failed, sendText, sendUnavailable, type Answer } from "./answer.ts";
import { clientHeaders, upstreamHeaders, type Observation } from "./headers.ts";

export type UpstreamOptions = {
  /** Origin of the control plane. */
  readonly url: string;
  readonly credential: string;
  /** Told the site's state revision that an answer carries. */
  readonly onRevision: (revision: string) => void;
  /** From the last byte of a request to the first of its answer: less than iPXE's stage one waits. */
  readonly answerTimeoutMs?: number;
};

/** The way to the control plane for what machines ask. */
export type Upstream = {
  /** Forwards a request and streams the answer back; never throws. */
  forward(exchange: ForwardedExchange): Promise<Answer>;
  close(): void;
};

type ForwardedExchange = {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  /** Path and query, byte for byte. */
  readonly target: string;
  readonly observation: Observation;
};

/** Answers and callbacks are small; a log that is longer is to be cut by who sends it. */
export const MAX_BODY_BYTES = 1024 * 1024;

const ANSWER_TIMEOUT_MS = 12_000;
const IDLE_TIMEOUT_MS = 120_000;

/** Creates the way to the control plane: streaming in both directions, nothing buffered, no redirect followed. */
export function createUpstream({
  url,
  credential,
  onRevision,
  answerTimeoutMs = ANSWER_TIMEOUT_MS,
}: UpstreamOptions): Upstream {
  const { protocol, hostname, port } = new URL(url);
  const module = protocol === "https:" ? https : http;
  const pooled = new module.Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 32 });
  /** For a body, which cannot be sent twice: a pooled connection may be closed by the time it is used. */
  const fresh = new module.Agent({ keepAlive: false });

  function open({ request, target, observation }: ForwardedExchange, agent: http.Agent): http.ClientRequest {
    return module.request({
      protocol,
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port,
      agent,
      method: request.method!,
      path: target,
      headers: upstreamHeaders(request.headers, observation, credential),
    });
  }

  async function ask(exchange: ForwardedExchange): Promise<http.IncomingMessage> {
    const hasBody = exchange.request.method === "POST";
    const first = open(exchange, hasBody ? fresh : pooled);
    try {
      return await converse(exchange, first, answerTimeoutMs);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const wasStale = first.reusedSocket && (code === "ECONNRESET" || code === "EPIPE");
      if (hasBody || !wasStale) throw error;
      return converse(exchange, open(exchange, fresh), answerTimeoutMs);
    }
  }

  return {
    async forward(exchange) {
      const { response } = exchange;
      let answer: http.IncomingMessage;
      try {
        answer = await ask(exchange);
      } catch (error) {
        return explain(response, error as Error);
      }
      const revision = answer.headers[RELAY_HEADER.STATE];
      if (typeof revision === "string") onRevision(revision);
      return streamAnswer(answer, response);
    },
    close() {
      pooled.destroy();
      fresh.destroy();
    },
  };
}

/** Sends a request and waits for the head of its answer. */
async function converse(
  { request, response }: ForwardedExchange,
  outgoing: http.ClientRequest,
  answerTimeoutMs: number,
): Promise<http.IncomingMessage> {
  const timer = setTimeout(() => outgoing.destroy(new Error("no answer in time")), answerTimeoutMs);
  const abort = (): void => void outgoing.destroy(new ClientLeftError());
  response.once("close", abort);
  outgoing.setTimeout(IDLE_TIMEOUT_MS, () => outgoing.destroy(new Error("the connection was idle")));
  try {
    return await new Promise<http.IncomingMessage>((resolve, reject) => {
      outgoing.once("response", resolve);
      // Stays: an error after the answer has begun shows on the answer.
      outgoing.on("error", reject);
      if (request.method === "POST") {
        sendBody(request, outgoing, () => timer.refresh()).catch((error: Error) => {
          // First the cause, then its consequence.
          reject(error);
          outgoing.destroy();
        });
      } else {
        outgoing.end();
      }
    });
  } finally {
    clearTimeout(timer);
    response.off("close", abort);
  }
}

/**
 * Streams a request's body. Not by `pipeline`: that would destroy the client's
 * connection together with a failed one to the control plane, and leave the
 * client without its 503.
 */
async function sendBody(
  request: http.IncomingMessage,
  outgoing: http.ClientRequest,
  onProgress: () => void,
): Promise<void> {
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new BodyTooLargeError();
    onProgress();
    if (outgoing.destroyed) return;
    if (!outgoing.write(chunk)) await once(outgoing, "drain");
  }
  outgoing.end();
}

async function streamAnswer(answer: http.IncomingMessage, response: http.ServerResponse): Promise<Answer> {
  const status = answer.statusCode!;
  // It is our credential that was refused: none of the client's business.
  if (status === 401) {
    answer.destroy();
    return sendUnavailable(response, "credentials refused; run `pxedge relay join` again");
  }
  let bytes = 0;
  answer.on("data", (chunk: Buffer) => (bytes += chunk.length));
  try {
    response.writeHead(status, clientHeaders(answer.headers));
    await pipeline(answer, response);
  } catch (error) {
    // Nothing but a cut tells a client that what it has is not the whole.
    answer.destroy();
    response.destroy();
    return failed(`cut off: ${(error as Error).message}`, bytes);
  }
  return status >= 500 ? failed(`the control plane answered ${status}`, bytes) : answered(bytes);
}

/** The client closed its connection before it had its answer. */
class ClientLeftError extends Error {
  override readonly name = "ClientLeftError";
}

class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
}

/** Tells a client why it has no answer, where it is still there to be told. */
function explain(response: http.ServerResponse, error: Error): Answer {
  if (error instanceof ClientLeftError || response.destroyed) {
    return failed("the client left before the answer");
  }
  if (error instanceof BodyTooLargeError) {
    return sendText(response, 413, "the body is too large\n", { connection: "close" });
  }
  return sendUnavailable(response, `the control plane cannot be reached: ${error.message || error.name}`);
}
