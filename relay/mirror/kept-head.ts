import type { IncomingHttpHeaders } from "node:http";

import { parseDate, type AnswerHead, type KeptHead } from "./answer-head.ts";
import { fieldsOf, parseCacheControl, parseSeconds } from "./cache-control.ts";
import { lifetimeSeconds } from "./freshness.ts";

/** Of one connection, never kept (RFC 9111 section 3.1). */
const NEVER_KEPT = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** What a 304 does not change: it is of the body that is kept (RFC 9111 section 3.2). */
const OF_THE_BODY = new Set(["content-length", "content-encoding", "content-md5", "content-range", "etag"]);

/** Of an answer that says no age that can be read: old enough to be asked about. */
const UNKNOWN_AGE_SECONDS = 2 ** 31;

/** What is kept of an answer's head. */
export function keepHead(answer: AnswerHead): KeptHead {
  const { status, requestedAt, receivedAt, isImmutable } = answer;
  const headers = keptFields(answer.headers);
  headers.date ??= new Date(receivedAt).toUTCString();
  const apparentAgeSeconds = Math.max(0, (receivedAt - (dateOf(headers) ?? receivedAt)) / 1000);
  const correctedAgeSeconds = ageFieldOf(headers) + (receivedAt - requestedAt) / 1000;
  return {
    status,
    headers,
    receivedAt,
    initialAgeSeconds: Math.max(apparentAgeSeconds, correctedAgeSeconds),
    lifetimeSeconds: lifetimeSeconds({ ...answer, headers }),
    isImmutable,
  };
}

/** What is kept after the origin has said that it still holds (RFC 9111 section 4.3.4). */
export function renewHead(kept: KeptHead, answer: Omit<AnswerHead, "status">): KeptHead {
  // How old it was said to be has ended with its validation, and so has when that was.
  const { age: _age, date: _date, ...former } = kept.headers;
  const said = Object.entries(keptFields(answer.headers)).filter(([name]) => !OF_THE_BODY.has(name));
  const headers = { ...former, ...Object.fromEntries(said) };
  return keepHead({ ...answer, status: kept.status, headers });
}

/** How an origin is asked whether what is kept still holds (RFC 9111 section 4.3.1). */
export function validatingHeaders({ headers }: KeptHead): Record<string, string> {
  const { etag, "last-modified": modified } = headers;
  return {
    ...(etag !== undefined && { "if-none-match": etag }),
    ...(modified !== undefined && { "if-modified-since": modified }),
  };
}

function dateOf({ date }: IncomingHttpHeaders): number | undefined {
  return parseDate(date);
}

/** `Age`, in seconds: one number (RFC 9111 section 5.1). What else is there is not trusted, nor is the answer. */
function ageFieldOf({ age }: IncomingHttpHeaders): number {
  return age === undefined ? 0 : (parseSeconds(age) ?? UNKNOWN_AGE_SECONDS);
}

function keptFields(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const directives = parseCacheControl(headers["cache-control"]);
  const excluded = new Set([
    ...(headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()),
    ...fieldsOf(directives, "no-cache"),
    ...fieldsOf(directives, "private"),
  ]);
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !NEVER_KEPT.has(name) && !excluded.has(name)),
  );
}
