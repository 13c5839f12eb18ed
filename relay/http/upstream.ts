import * as http from "node:http";
import * as https from "node:https";
import type { LookupFunction } from "node:net";
import { urlToHttpOptions } from "node:url";

import type { Mac } from "../../core/addresses.ts";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import type { Contact } from "../control-plane/contact.ts";
import type { ProxyEnvironment } from "../net/proxy-environment.ts";
import { upstreamHeaders, type Observation } from "./headers.ts";
import { exchangeWhole, isAnswer, type Reply } from "./whole-reply.ts";

export type UpstreamOptions = {
  /** Origin of the control plane. */
  readonly url: string;
  readonly credential: string;
  /** Told the site's state revision that an answer carries. */
  readonly onRevision: (revision: string) => void;
  /** Told, of each MAC that is answered, under which attempt; `undefined`: under none. */
  readonly onAttempt?: (mac: Mac, attempt: string | undefined) => void;
  /** Told how each exchange went. */
  readonly contact?: Pick<Contact, "answered" | "failed">;
  readonly lookup?: LookupFunction;
  readonly proxy?: ProxyEnvironment;
};

/** What a machine asks, in full. */
export type Question = {
  readonly method: string;
  /** Path and query, byte for byte. */
  readonly target: string;
  /** The client's own. */
  readonly headers: http.IncomingHttpHeaders;
  readonly body?: Buffer;
  readonly observation: Observation;
  /** Of a callback: the control plane takes one id once. */
  readonly eventId?: string;
};

/** The way to the control plane for what machines ask, except image bytes: it keeps nothing and follows no redirect. */
export type Upstream = {
  /** Asks once and brings the whole answer; never throws. */
  ask(question: Question, limits: AskLimits): Promise<Reply>;
  close(): void;
};

export type AskLimits = {
  /** For all of it. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
};

/** Creates the way to the control plane, with connections of its own: no image keeps a script waiting. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { url, credential, onRevision, onAttempt, contact, lookup, proxy } = options;
  const { protocol, hostname, port } = urlToHttpOptions(new URL(url));
  const module = protocol === "https:" ? https : http;
  const proxyEnv = { ...proxy };
  const pooled = new module.Agent({ keepAlive: true, maxSockets: 512, maxFreeSockets: 64, proxyEnv });
  /** A pooled connection may be closed by the time it is used. */
  const fresh = new module.Agent({ keepAlive: false, proxyEnv });

  function open(
    { method, target, headers, body, observation, eventId }: Question,
    agent: http.Agent,
  ): http.ClientRequest {
    return module.request({
      protocol,
      hostname,
      port,
      agent,
      method,
      path: target,
      ...(lookup !== undefined && { lookup }),
      headers: {
        ...upstreamHeaders(headers, observation, credential),
        ...(body !== undefined && { "content-length": body.length }),
        ...(eventId !== undefined && { [RELAY_HEADER.EVENT_ID]: eventId }),
      },
    });
  }

  function noteAnswer(
    { statusCode, headers }: http.IncomingMessage,
    { observation }: Question,
    askedAt: number,
  ): void {
    const status = statusCode!;
    const answer = { status, tookMs: performance.now() - askedAt, date: headers.date ?? null };
    if (isAnswer(status) || status === 401) contact?.answered(answer);
    else contact?.failed(`the control plane answered ${status}`);
    const revision = headers[RELAY_HEADER.STATE];
    if (typeof revision === "string") onRevision(revision);
    // A refusal says nothing of the machine.
    const { mac } = observation.client;
    if (mac !== null && status >= 200 && status <= 299) onAttempt?.(mac, attemptIn(headers));
  }

  return {
    async ask(question, { timeoutMs, signal }) {
      const askedAt = performance.now();
      const reply = await exchangeWhole((agent) => open(question, agent), {
        pooled,
        fresh,
        body: question.body,
        timeoutMs,
        signal,
        onAnswer: (answer) => noteAnswer(answer, question, askedAt),
      });
      // The others that wait in the pool may be as dead as the one that did not answer.
      if (reply.kind === "unreachable") closeIdle(pooled);
      if (reply.kind !== "answered" && signal?.aborted !== true) contact?.failed(reply.reason);
      return reply;
    },
    close() {
      for (const agent of [pooled, fresh]) agent.destroy();
    },
  };
}

/** What else answers in the control plane's place is not taken at its word. */
function attemptIn(headers: http.IncomingHttpHeaders): string | undefined {
  const value = headers[RELAY_HEADER.ATTEMPT];
  return typeof value === "string" && /^[\w-]{1,64}$/.test(value) ? value : undefined;
}

function closeIdle(agent: http.Agent): void {
  for (const sockets of Object.values(agent.freeSockets))
    for (const socket of sockets ?? []) socket.destroy();
}
