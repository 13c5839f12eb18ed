import type { IncomingMessage, ServerResponse } from "node:http";

import {
  ask,
  deadOrigin,
  startFakeControlPlane,
  startRelayHttp,
  type RelayUnderTestOptions,
} from "../http/fixture.ts";

export type Handle = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** An origin that counts what it is asked, and a relay with it as the mirror `m`. */
export async function startMirrored(handle: Handle, options: RelayUnderTestOptions = {}) {
  const asked: IncomingMessage[] = [];
  const origin = {
    handle,
    asked,
    url: await startFakeControlPlane(async (request, response) => {
      asked.push(request);
      await origin.handle(request, response);
    }),
  };
  const mirrors = { m: { upstream: `${origin.url}/root`, redirects: [], immutable: [] } };
  const relay = await startRelayHttp(await deadOrigin(), { mirrors, ...options });
  const get = (path: string, headers: Record<string, string> = {}, method = "GET", body?: string) =>
    ask(`${relay.url}/mirror/m${path}`, { method, headers, ...(body !== undefined && { body }) });
  return { origin, relay, get, mirrors };
}

export const send =
  (headers: Record<string, string | string[]>, body = "content", status = 200): Handle =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);
