import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";

import { answered, type Answer } from "./answer.ts";
import { parseByteRange } from "./byte-range.ts";
import { allowsRange, checkPreconditions, type Validators } from "./preconditions.ts";

/** Bytes that can be served whole or in part. */
export type Representation = Validators & {
  readonly sizeBytes: number;
  /** Decides the media type. */
  readonly name: string;
  readonly cacheControl?: string;
};

/**
 * What a GET or HEAD comes to:
 * - `answered`: all that there is to say was sent
 * - `bytes`: `first` to `last` are to be sent after this head
 */
export type Negotiated =
  | { readonly kind: "answered"; readonly answer: Answer }
  | {
      readonly kind: "bytes";
      readonly status: 200 | 206;
      readonly headers: OutgoingHttpHeaders;
      readonly first: number;
      readonly last: number;
    };

/**
 * Answers HEAD, conditional requests and ranges that cannot be had (RFC 9110
 * sections 13 and 14), and says which bytes are left to send.
 */
export function negotiate(
  representation: Representation,
  request: IncomingMessage,
  response: ServerResponse,
): Negotiated {
  const { sizeBytes, etag, modifiedMs, cacheControl } = representation;
  const headers: OutgoingHttpHeaders = {
    etag,
    ...(modifiedMs !== undefined && { "last-modified": new Date(modifiedMs).toUTCString() }),
    ...(cacheControl !== undefined && { "cache-control": cacheControl }),
    "accept-ranges": "bytes",
  };
  const end = (status: number, more: OutgoingHttpHeaders = {}): Negotiated => {
    response.writeHead(status, { ...headers, ...more }).end();
    return { kind: "answered", answer: answered(0) };
  };
  const precondition = checkPreconditions(request.headers, representation);
  if (precondition !== "none") return end(precondition === "failed" ? 412 : 304);

  // Range is defined for GET only (RFC 9110 section 14.2).
  const counts = request.method === "GET" && allowsRange(request.headers, representation);
  const range = parseByteRange(counts ? request.headers.range : undefined, sizeBytes);
  if (range.kind === "unsatisfiable") {
    return end(416, { "content-range": `bytes */${sizeBytes}`, "content-length": 0 });
  }
  const [first, last] = range.kind === "part" ? [range.first, range.last] : [0, sizeBytes - 1];
  if (range.kind === "part") headers["content-range"] = `bytes ${first}-${last}/${sizeBytes}`;
  const status = range.kind === "part" ? 206 : 200;
  headers["content-type"] = mediaTypeOf(representation.name);
  headers["content-length"] = last - first + 1;
  if (request.method === "HEAD" || last < first) return end(status);
  return { kind: "bytes", status, headers, first, last };
}

/** EDK2 takes what is called so for a program, whatever its URL ends in. */
function mediaTypeOf(name: string): string {
  return name.endsWith(".efi") ? "application/efi" : "application/octet-stream";
}
