import type { ServerResponse } from "node:http";

import type { ImageSource } from "../cache/image-reader.ts";
import { clientHeaders } from "./headers.ts";
import type { WholeReply } from "./whole-reply.ts";

/**
 * How a request ended:
 * - `answered`: with the status that was sent
 * - `failed`: for a reason of ours or the control plane's, whatever was sent
 *
 * `bytes` counts the body handed to the connection; `source` is where those of
 * an image came from.
 */
export type Answer = { readonly bytes: number; readonly source?: ImageSource | undefined } & (
  | { readonly kind: "answered" }
  | { readonly kind: "failed"; readonly reason: string }
);

export function answered(bytes: number): Answer {
  return { kind: "answered", bytes };
}

export function failed(reason: string, bytes = 0): Answer {
  return { kind: "failed", reason, bytes };
}

/** Sends a short text of ours; the body of an answer to HEAD is left out by node:http. */
export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): Answer {
  const body = Buffer.from(text);
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": body.length,
    "cache-control": "no-store",
    ...headers,
  });
  response.end(body);
  return answered(response.req.method === "HEAD" ? 0 : body.length);
}

/** One and the same for whatever is unknown, expired, mis-signed or another site's; as the control plane's. */
export function sendRefusal(response: ServerResponse): Answer {
  return sendText(response, 404, "not found\n", { "cache-control": "no-store, no-transform" });
}

/** Says "later" to one of too many: each after another time, so that they do not come back as one. */
export function sendBusy(response: ServerResponse): Answer {
  const seconds = 1 + Math.floor(Math.random() * 5);
  const sent = sendText(response, 503, "too many requests at a time; try again\n", {
    "retry-after": String(seconds),
  });
  return failed("too many requests at a time", sent.bytes);
}

/**
 * Says "later": iPXE asks again after `Retry-After`, and so do some installers.
 *
 * @param retryAfterSeconds `null` for what asking again does not mend: iPXE gives up then
 */
export function sendUnavailable(
  response: ServerResponse,
  reason: string,
  retryAfterSeconds: number | null = 5,
): Answer {
  const headers = retryAfterSeconds === null ? undefined : { "retry-after": String(retryAfterSeconds) };
  const sent = sendText(response, 503, "the control plane cannot be reached; try again\n", headers);
  return failed(reason, sent.bytes);
}

/** Passes the control plane's whole answer on. */
export function sendReply(response: ServerResponse, { status, headers, body }: WholeReply): Answer {
  // An answer to HEAD says how long GET's would be; 204 and 304 have no body to measure.
  const measured = response.req.method !== "HEAD" && status !== 204 && status !== 304;
  const length = measured ? { "content-length": body.length } : {};
  response.writeHead(status, { ...clientHeaders(headers), ...length }).end(body);
  return answered(body.length);
}
