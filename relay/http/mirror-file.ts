import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";

import { parseDate } from "../mirror/answer-head.ts";
import type { Mirror, MirrorOutcome, NamedMirror } from "../mirror/mirror.ts";
import { answered, failed, sendText, type Answer } from "./answer.ts";
import { parseByteRange } from "./byte-range.ts";
import { mirrorAnswerHeaders, mirrorRequestHeaders } from "./headers.ts";
import type { Pacer } from "./pacer.ts";
import { allowsRange, checkPreconditions } from "./preconditions.ts";
import { readRequestBody } from "./request-body.ts";
import { sendBytes } from "./send-bytes.ts";

export type MirrorFileOptions = {
  readonly mirror: Mirror;
  /** As they are configured just now. */
  readonly mirrors: () => Readonly<Record<string, Omit<NamedMirror, "name">>>;
  readonly pacer: Pacer;
};

/** Serves `/mirror/NAME/…` from the package mirror of that name. */
export async function serveMirrorFile(
  { mirror, mirrors: configured, pacer }: MirrorFileOptions,
  target: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  const mirrors = configured();
  const [, name, path] = /^\/mirror\/([^/?]+)(\/.*)$/.exec(target) ?? [];
  if (name === undefined || path === undefined || !Object.hasOwn(mirrors, name)) {
    return sendText(response, 404, "not found\n");
  }
  const source = { ...mirrors[name]!, name };
  const headers = mirrorRequestHeaders(request);
  const method = request.method!;
  let outcome: MirrorOutcome;
  if (method === "GET" || method === "HEAD") outcome = await mirror.get(source, path, headers);
  else {
    const read = await readRequestBody(request);
    if (read.kind === "incomplete") return failed("the client left before it had said all");
    if (read.kind === "too-large")
      return sendText(response, 413, "the body is too large\n", { connection: "close" });
    outcome = await mirror.send(source, path, { method, headers, body: read.body });
  }
  switch (outcome.kind) {
    case "failed":
      sendText(response, outcome.status, `the mirror cannot give this file: ${outcome.reason}\n`);
      return failed(`mirror ${name}: ${outcome.reason}`);
    case "passed":
      return passOn(outcome.answer, request, response);
    case "kept":
      try {
        return await serveKept(outcome, pacer, request, response);
      } catch (error) {
        // What was sent cannot be taken back: only a cut says that it is not the whole.
        if (response.headersSent) response.destroy();
        else sendText(response, 502, "the mirror cannot give this file\n");
        return failed(`mirror ${name}: ${(error as Error).message}`);
      } finally {
        await outcome.body.close();
      }
  }
}

/** As RFC 9211 has it. */
const CACHE_STATUS = {
  hit: "hit",
  stale: "hit; ttl=-1",
  revalidated: "fwd=stale; fwd-status=304",
  missed: "fwd=uri-miss; stored",
  replaced: "fwd=stale; stored",
} as const;

async function serveKept(
  { head, body, status: cacheStatus }: Extract<MirrorOutcome, { kind: "kept" }>,
  pacer: Pacer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  const { status, headers: kept } = head;
  const headers: OutgoingHttpHeaders = {
    ...mirrorAnswerHeaders(kept),
    "cache-status": `pxedge; ${CACHE_STATUS[cacheStatus]}`,
  };
  delete headers["content-length"];
  const etag = kept.etag ?? "";
  const isWeak = etag.startsWith("W/");
  const validators = { etag: etag.replace(/^W\//, ""), modifiedMs: parseDate(kept["last-modified"]) };
  if (status === 200) {
    // If-Match compares strongly: a weak tag matches nothing.
    const conditions =
      isWeak && request.headers["if-match"] !== undefined ? { "if-match": '""' } : request.headers;
    const precondition = checkPreconditions(conditions, validators);
    if (precondition !== "none") {
      response.writeHead(precondition === "failed" ? 412 : 304, headers).end();
      return answered(0);
    }
  }
  const sizeBytes = await body.sizeBytes();
  if (status === 204) {
    response.writeHead(status, headers).end();
    return answered(0);
  }
  const counts =
    status === 200 &&
    request.method === "GET" &&
    (isWeak ? request.headers["if-range"] === undefined : allowsRange(request.headers, validators));
  const range = parseByteRange(counts ? request.headers.range : undefined, sizeBytes);
  if (range.kind === "unsatisfiable") {
    response
      .writeHead(416, { ...headers, "content-range": `bytes */${sizeBytes}`, "content-length": 0 })
      .end();
    return answered(0);
  }
  const [first, last] = range.kind === "part" ? [range.first, range.last] : [0, sizeBytes - 1];
  const sentHead: OutgoingHttpHeaders = {
    ...headers,
    "accept-ranges": "bytes",
    "content-length": last - first + 1,
    ...(range.kind === "part" && { "content-range": `bytes ${first}-${last}/${sizeBytes}` }),
  };
  const sent = range.kind === "part" ? 206 : status;
  if (request.method === "HEAD" || last < first) {
    response.writeHead(sent, sentHead).end();
    return answered(0);
  }
  const read = (into: Buffer, position: number, end: number): Promise<number> =>
    body.read(into, position, end);
  return sendBytes({ response, pacer, status: sent, headers: sentHead, first, last, read });
}

/** An answer that is not kept: for this client only, as it comes. */
async function passOn(
  answer: IncomingMessage,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  let bytes = 0;
  answer.on("data", (chunk: Buffer) => (bytes += chunk.length));
  try {
    response.writeHead(answer.statusCode!, {
      ...mirrorAnswerHeaders(answer.headers),
      "cache-status": "pxedge; fwd=bypass",
    });
    if (request.method === "HEAD") {
      answer.destroy();
      response.end();
    } else await pipeline(answer, response);
  } catch (error) {
    answer.destroy();
    response.destroy();
    return failed(`cut off: ${(error as Error).message}`, bytes);
  }
  return answered(bytes);
}
