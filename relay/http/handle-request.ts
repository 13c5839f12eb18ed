import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";

import type { ObservedClient } from "../../core/relay-protocol/events.ts";
import { renderStageOne } from "../../core/render/scripts/stage-one.ts";
import type { FileRoot } from "../boot-files/file-root.ts";
import type { ImageCache } from "../cache/image-cache.ts";
import type { Mirror } from "../mirror/mirror.ts";
import { sendBusy, sendText, type Answer } from "./answer.ts";
import type { BootWait, Decider } from "../decision/decider.ts";
import { serveBootFile } from "./boot-file.ts";
import { serveBootScript } from "./boot-script.ts";
import type { ReportExchange } from "./exchange-events.ts";
import type { Gate, Priority } from "./gate.ts";
import { isLoop, type Observation } from "./headers.ts";
import { renderLoaderFile } from "./loader-file.ts";
import type { ObserveClient } from "./observe-client.ts";
import { serveImageFile } from "./image-file.ts";
import { serveMirrorFile, type MirrorFileOptions } from "./mirror-file.ts";
import type { Pacer } from "./pacer.ts";
import { serveHeldAnswer, type HeldAnswerOptions } from "./held-answer.ts";
import type { ServeCallback } from "./held-callback.ts";
import { redactTarget } from "./redact.ts";
import { MAX_BODY_BYTES } from "./request-body.ts";
import { hasTooManyFields, isAmbiguous } from "./request-head.ts";
import { routeRequest } from "./route.ts";

export type RequestHandlerOptions = {
  readonly images: Pick<ImageCache, "resolve" | "held" | "open">;
  readonly decider: Decider;
  readonly heldAnswers: HeldAnswerOptions;
  readonly serveCallback: ServeCallback;
  readonly mirror: Mirror;
  readonly mirrors: MirrorFileOptions["mirrors"];
  readonly fileRoot: FileRoot;
  readonly gate: Gate;
  readonly pacer: Pacer;
  readonly observe: ObserveClient;
  /** As the site has it; `null`: stage one waits for ever. */
  readonly bootWaitSeconds: BootWait;
  readonly report: ReportExchange;
  readonly log: Logger;
};

/** Answers one request that came in on an interface; never throws. */
export type HandleRequest = (
  request: IncomingMessage,
  response: ServerResponse,
  interfaceName: string,
) => void;

/** Creates the handler of everything machines ask over HTTP. */
export function createRequestHandler(options: RequestHandlerOptions): HandleRequest {
  return (request, response, interfaceName) => {
    // What is written after a client has left fails; `close` has told of it.
    response.on("error", () => undefined);
    serve(options, request, response, interfaceName).catch((error: unknown) => {
      options.log.error({ err: error, path: redactTarget(request.url!) }, "a request could not be answered");
      response.destroy();
    });
  };
}

async function serve(
  options: RequestHandlerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  interfaceName: string,
): Promise<void> {
  const startedAt = performance.now();
  const closed = new Promise<void>((resolve) => response.once("close", resolve));
  const { remoteAddress, localAddress, localPort } = request.socket;
  if (remoteAddress === undefined) {
    // The client is gone already.
    response.destroy();
    return;
  }
  let observed: ObservedClient | undefined;
  // Not for each of an installer's thousands of files: it asks the kernel.
  const client = (): ObservedClient => (observed ??= options.observe(remoteAddress, interfaceName));
  const answer = await answerRequest(options, request, response, () => ({
    client: client(),
    baseUrl: `http://${localAddress}:${localPort}`,
    httpVersion: request.httpVersion,
  }));
  await closed;
  options.report({
    method: request.method!,
    target: request.url!,
    ip: remoteAddress,
    client,
    status: response.statusCode,
    durationMs: Math.round(performance.now() - startedAt),
    complete: response.writableFinished,
    answer,
  });
}

async function answerRequest(
  options: RequestHandlerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  observe: () => Observation,
): Promise<Answer> {
  if (hasTooManyFields(request)) return refuse(response, 431);
  if (isAmbiguous(request)) return refuse(response, 400);
  if (isLoop(request.headers)) return refuse(response, 508);
  const route = routeRequest(request.method!, request.url!);
  if (route.kind === "refused") {
    return refuse(response, route.status, route.status === 405 ? { allow: route.allow } : {});
  }
  const body = bodyOf(request);
  const takesBody = request.method === "POST" || (route.kind === "mirror" && !isRead(request.method!));
  if (body !== undefined && !takesBody) return refuse(response, 400);
  if (body !== undefined && body > MAX_BODY_BYTES) return refuse(response, 413);

  const leave = options.gate.enter(priorityOf(request.url!), request.socket.remoteAddress ?? "");
  if (leave === undefined) return sendBusy(response);
  response.once("close", leave);
  const exchange = () => ({ request, response, target: request.url!, observation: observe() });
  switch (route.kind) {
    case "stage-one": {
      const bootWaitSeconds = options.bootWaitSeconds(observe().client.mac);
      const script = renderStageOne({ bootWaitSeconds, jitter: Math.random });
      return sendText(response, 200, script);
    }
    case "boot-file": {
      const observation = observe();
      const script = renderLoaderFile(
        route.name,
        observation,
        options.bootWaitSeconds(observation.client.mac),
      );
      return script === undefined
        ? serveBootFile(options, route.name, request, response)
        : sendText(response, 200, script);
    }
    case "script":
      return serveBootScript(options.decider, request, response, observe());
    case "answer":
      return serveHeldAnswer(exchange(), options.heldAnswers);
    case "callback":
      return options.serveCallback(exchange());
    case "mirror":
      return serveMirrorFile(options, request.url!, request, response);
    case "image":
      return serveImageFile(options, request.url!, request, response);
  }
}

function isRead(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/** Image files and trees are what takes long; all else is short, and machines wait for it. */
function priorityOf(target: string): Priority {
  return /^\/(?:[it]|mirror)\//.test(target) ? "image" : "boot";
}

const REFUSALS = {
  400: "bad request\n",
  404: "not found\n",
  405: "method not allowed\n",
  413: "the body is too large\n",
  431: "too many header fields\n",
  508: "this request comes from a relay: controlPlane.url leads back to one\n",
};

/** All but 404 close the connection: what follows on it may not be what it seems. */
function refuse(
  response: ServerResponse,
  status: keyof typeof REFUSALS,
  headers: Record<string, string> = {},
): Answer {
  const closing: Record<string, string> = status === 404 ? {} : { connection: "close" };
  return sendText(response, status, REFUSALS[status], { ...closing, ...headers });
}

/** The length of a request's body as announced, 0 for one in chunks; `undefined` for none. */
function bodyOf({ headers }: IncomingMessage): number | undefined {
  if (headers["transfer-encoding"] !== undefined) return 0;
  const length = Number(headers["content-length"] ?? 0);
  return length === 0 ? undefined : length;
}
