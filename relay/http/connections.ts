import type { Server } from "node:http";
import type { Socket } from "node:net";

import type { Ipv4 } from "../../core/addresses.ts";

export type ConnectionLimits = {
  /** Of all clients together; as many again are told so, beyond that they are closed at once. */
  readonly total: number;
  readonly perClient: number;
};

/** What a client that comes beyond them is told, instead of being left to guess. */
const REFUSAL = "too many connections; try again\n";
const REFUSAL_ANSWER = [
  "HTTP/1.1 503 Service Unavailable",
  "Retry-After: 5",
  "Connection: close",
  "Content-Type: text/plain; charset=utf-8",
  `Content-Length: ${REFUSAL.length}`,
  "",
  REFUSAL,
].join("\r\n");

/** How long a refused client has to read that, and to send what it was about to. */
const LINGER_MS = 2000;

/** From this part of the total on, connections that wait for a next request are closed. */
const CROWDED = 0.75;

/** Closing idle ones goes through all: not with each that comes. */
const TIDY_INTERVAL_MS = 250;

/**
 * Bounds a server's connections, of all and of each client: a box that opens
 * them all does not lock out the others.
 *
 * @param onRefused told of each that is refused; `null` where the kernel's word is all there is
 * @returns whether a connection was refused: what it asks is not to be answered
 */
export function limitConnections(
  server: Server,
  { total, perClient }: ConnectionLimits,
  onRefused: (client: Ipv4 | null) => void,
): (socket: Socket) => boolean {
  const perAddress = new Map<Ipv4, number>();
  const refused = new WeakSet<Socket>();
  let open = 0;
  let tidiedAt = -Infinity;

  function refuse(socket: Socket, client: Ipv4): void {
    refused.add(socket);
    onRefused(client);
    // Closing what has unread bytes resets it, and the answer would be lost with it.
    socket.on("error", () => undefined);
    socket.end(REFUSAL_ANSWER);
    const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
    socket.once("close", () => clearTimeout(timer));
  }

  server.maxConnections = 2 * total;
  server.on("drop", () => onRefused(null));
  server.on("connection", (socket: Socket) => {
    const client = socket.remoteAddress ?? "";
    const own = perAddress.get(client) ?? 0;
    if (open >= total * CROWDED && performance.now() >= tidiedAt + TIDY_INTERVAL_MS) {
      tidiedAt = performance.now();
      server.closeIdleConnections();
    }
    if (open >= total || own >= perClient) {
      refuse(socket, client);
      return;
    }
    open += 1;
    perAddress.set(client, own + 1);
    socket.once("close", () => {
      open -= 1;
      const left = perAddress.get(client)! - 1;
      if (left === 0) perAddress.delete(client);
      else perAddress.set(client, left);
    });
  });
  return (socket) => refused.has(socket);
}
