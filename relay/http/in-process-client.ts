import * as http from "node:http";
import { duplexPair, type Duplex } from "node:stream";

import type { Ipv4 } from "../../core/addresses.ts";
import type { HandleRequest } from "./handle-request.ts";
import type { HttpListener } from "./server.ts";

/** Asks the relay's own HTTP side on behalf of a machine that speaks another protocol. */
export type InProcessClient = {
  /**
   * GETs a path for a machine; what it is given is what it would be given over
   * HTTP, by the same rules. The answer's body must be read or destroyed.
   *
   * @param signal ends the request, and the answer's body
   */
  get(target: string, client: Ipv4, signal: AbortSignal): Promise<http.IncomingMessage>;
};

/** Creates a client whose requests seem to reach `listener`; nothing of them is on any wire. */
export function createInProcessClient(handle: HandleRequest, listener: HttpListener): InProcessClient {
  // Never listens: each request brings its connection.
  const server = http.createServer((request, response) => handle(request, response, listener.interface));

  function connect(client: Ipv4): Duplex {
    const [near, far] = duplexPair();
    // A pair passes on an end, but no destruction: a cut would wait for ever. One that ended is read to its end by then.
    near.once("close", () => far.destroy());
    far.once("close", () => near.destroy());
    const ends = { remoteAddress: client, localAddress: listener.address, localPort: listener.port };
    server.emit("connection", Object.assign(far, ends));
    return near;
  }

  return {
    get: (target, client, signal) =>
      new Promise((resolve, reject) => {
        const headers = { host: `${listener.address}:${listener.port}` };
        const createConnection = (): Duplex => connect(client);
        http.get({ path: target, headers, createConnection, signal }, resolve).on("error", reject);
      }),
  };
}
