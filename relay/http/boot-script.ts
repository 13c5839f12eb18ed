import type { IncomingMessage, ServerResponse } from "node:http";

import type { Decider } from "../decision/decider.ts";
import { failed, sendReply, sendUnavailable, type Answer } from "./answer.ts";
import type { Observation } from "./headers.ts";

/** Serves a machine its boot script, the control plane's or the relay's own. */
export async function serveBootScript(
  decider: Decider,
  request: IncomingMessage,
  response: ServerResponse,
  observation: Observation,
): Promise<Answer> {
  const left = new AbortController();
  const leave = (): void => left.abort();
  response.once("close", leave);
  const decision = await decider.decide({
    target: request.url!,
    headers: request.headers,
    observation,
    signal: left.signal,
  });
  response.off("close", leave);
  if (response.destroyed) return failed("the client left before the answer");
  switch (decision.kind) {
    case "unavailable":
      return sendUnavailable(response, decision.reason, decision.retryAfterSeconds);
    case "decided":
      return sendReply(response, decision.reply);
    case "substituted":
      response
        .writeHead(200, {
          "content-type": "text/plain; charset=utf-8",
          "content-length": decision.body.length,
          "cache-control": "no-store",
        })
        .end(decision.body);
      return failed(decision.reason, decision.body.length);
  }
}
