import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Logger } from "pino";

import type { Ipv4 } from "../../core/addresses.ts";
import { NetError } from "../net/errors.ts";
import { aborted } from "../stop-stack.ts";
import { limitConnections, type ConnectionLimits } from "./connections.ts";
import { createEventSampler } from "./event-sampler.ts";
import type { HandleRequest } from "./handle-request.ts";
import { TitleCaseResponse } from "./title-case-response.ts";
import { MAX_BODY_BYTES } from "./request-body.ts";

/** One address that the relay answers HTTP on. */
export type HttpListener = { readonly interface: string; readonly address: Ipv4; readonly port: number };

export type HttpServer = {
  /** With the port that the kernel gave where 0 was asked for. */
  readonly listener: HttpListener;
  /**
   * Takes no more connections, lets requests under way finish until `cut`
   * aborts, then cuts them.
   *
   * @param cut after two seconds by default
   */
  stop(cut?: AbortSignal): Promise<void>;
};

/** What keeps slow and greedy clients from holding up the others. */
export type HttpServerLimits = {
  readonly connections: ConnectionLimits;
  /** For a request's head. */
  readonly headTimeoutMs: number;
  /** For a whole request, its body included. */
  readonly requestTimeoutMs: number;
  /** Without a byte in either direction. */
  readonly idleTimeoutMs: number;
};

const DEFAULT_LIMITS: HttpServerLimits = {
  connections: { total: 4096, perClient: 2048 },
  headTimeoutMs: 10_000,
  requestTimeoutMs: 120_000,
  idleTimeoutMs: 120_000,
};
const KEEP_ALIVE_MS = 15_000;
const MAX_HEADER_BYTES = 16 * 1024;
const STOP_GRACE_MS = 2000;
const TIDY_MS = 50;

/**
 * Listens on the given address and on no other.
 *
 * @throws NetError `permission-denied`, `port-in-use`, `socket-failed`
 */
export async function startHttpServer(
  listener: HttpListener,
  handle: HandleRequest,
  log: Logger,
  limits: HttpServerLimits = DEFAULT_LIMITS,
): Promise<HttpServer> {
  const server = configureServer(listener.interface, handle, log, limits);
  const port = await listen(server, listener);
  // Accepting can fail (no more descriptors); that must not end the process.
  server.on("error", (error) => log.error({ err: error }, "cannot accept a connection"));
  return {
    listener: { ...listener, port },
    stop: (cut = AbortSignal.timeout(STOP_GRACE_MS)) => stopServer(server, cut),
  };
}

function configureServer(
  interfaceName: string,
  handle: HandleRequest,
  log: Logger,
  limits: HttpServerLimits,
): Server {
  const latest = new WeakMap<Socket, ServerResponse>();
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    if (isRefused(request.socket)) return;
    latest.set(request.socket, response);
    handle(request, response, interfaceName);
  };
  const server = createServer(
    {
      ServerResponse: TitleCaseResponse,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: limits.headTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: Math.min(2000, limits.headTimeoutMs),
    },
    take,
  );
  server.timeout = limits.idleTimeoutMs;
  const refusals = createEventSampler({ now: () => performance.now(), perMinute: 6, maxKeys: 1 });
  const isRefused = limitConnections(server, limits.connections, (client) => {
    const untold = refusals.admit("");
    if (untold === undefined) return;
    log.warn({ interface: interfaceName, client, untold }, "a connection was refused: there are too many");
  });
  // node:http drops those beyond without a word: the handler must see that there are too many.
  server.maxHeadersCount = 1000;
  server.on("checkContinue", (request, response) => {
    // One that announces too much is answered without having to send it.
    if (Number(request.headers["content-length"] ?? 0) <= MAX_BODY_BYTES) response.writeContinue();
    take(request, response);
  });
  server.on("connect", (_request, socket: Socket) => {
    endWith(socket, "405 Method Not Allowed");
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    log.debug({ code: error.code, ip: socket.remoteAddress }, "a malformed request");
    if (isRefused(socket)) return;
    const response = latest.get(socket);
    // In mid-answer the client would take what we say of its next request for a part of this one's.
    if (response?.headersSent && !response.writableEnded) socket.destroy();
    // It has its answer, and was told that the connection ends.
    else if (response?.headersSent && !(response.req.complete && response.shouldKeepAlive))
      socket.destroySoon();
    else endWith(socket, CLIENT_ERRORS[error.code ?? ""] ?? "400 Bad Request");
  });
  return server;
}

const CLIENT_ERRORS: Record<string, string> = {
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
};

function endWith(socket: Socket, status: string): void {
  // The other side may be gone already: that is nobody's error.
  socket.on("error", () => undefined);
  if (!socket.writable) return void socket.destroy();
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

function listen(server: Server, { interface: name, address, port }: HttpListener): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(error, name, address, port)));
    server.listen({ host: address, port, exclusive: true }, () => {
      server.removeAllListeners("error");
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function listenError(error: NodeJS.ErrnoException, name: string, address: Ipv4, port: number): NetError {
  const where = `TCP port ${port} on ${name} (${address})`;
  switch (error.code ?? "") {
    case "EACCES":
      return new NetError(
        "permission-denied",
        `not permitted to bind ${where}: ports below 1024 need CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE), or set http.port to a higher one`,
      );
    case "EADDRINUSE":
      return new NetError(
        "port-in-use",
        `${where} is held by another process: stop it, or set http.port to another one`,
      );
    default:
      return new NetError("socket-failed", `cannot listen on ${where}: ${error.message}`);
  }
}

async function stopServer(server: Server, cut: AbortSignal): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // What a client keeps for its next request is closed as soon as the last one is done.
  const tidying = setInterval(() => server.closeIdleConnections(), TIDY_MS);
  server.closeIdleConnections();
  await Promise.race([closed, aborted(cut)]);
  clearInterval(tidying);
  server.closeAllConnections();
  await closed;
}
