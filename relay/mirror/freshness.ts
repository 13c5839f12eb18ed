import type { IncomingHttpHeaders } from "node:http";

import {
  isNoCachePragma,
  isUnqualified,
  parseCacheControl,
  requestDirectives,
  secondsOf,
  type CacheDirectives,
} from "./cache-control.ts";
import { parseDate, type AnswerHead, type KeptHead } from "./answer-head.ts";

/**
 * What may be done with what is kept:
 * - `fresh`: it is the answer
 * - `usable`: it is the answer, and the origin is asked behind it (RFC 5861 section 3)
 * - `stale`: the origin is asked first
 */
export type Freshness = "fresh" | "usable" | "stale";

const YEAR_SECONDS = 31_536_000;
/** Of what is not there and the origin does not say for how long: apt asks for much that no mirror has. */
const NEGATIVE_SECONDS = 60;
/** Of the time since a file was changed, where the origin says nothing else (RFC 9111 section 4.2.2). */
const HEURISTIC_SHARE = 0.1;
/** However old it is: enough for machines that install together to ask once. */
const MOST_HEURISTIC_SECONDS = 60;
/** How long past its freshness a file is still better than none, where the origin does not say. */
const STALE_IF_ERROR_SECONDS = 30 * 86_400;

/** A clock that was set back by more: nobody knows how old what came before is. */
const CLOCK_TOLERANCE_MS = 10_000;

/** Status codes whose answers may be kept although nothing is said of it (RFC 9110 section 15.1). */
const HEURISTICALLY_KEPT = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
/** Status codes whose meaning for caching is known here, for `must-understand`. */
const UNDERSTOOD = new Set([...HEURISTICALLY_KEPT, 302, 303, 307, 400, 403, 500, 502, 503, 504]);

/** How long an answer is fresh from its making on (RFC 9111 section 4.2.1), or may be thought so. */
export function lifetimeSeconds(answer: AnswerHead): number {
  const { status, headers, receivedAt, isImmutable } = answer;
  if (isImmutable) return YEAR_SECONDS;
  const directives = parseCacheControl(headers["cache-control"]);
  const said = secondsOf(directives, "s-maxage") ?? secondsOf(directives, "max-age");
  if (said !== undefined) return said;
  const madeAt = parseDate(headers.date) ?? receivedAt;
  // One that does not parse is one that has passed.
  if (headers.expires !== undefined) return Math.max(0, ((parseDate(headers.expires) ?? 0) - madeAt) / 1000);
  if (status === 404 || status === 410) return NEGATIVE_SECONDS;
  const changedAt = parseDate(headers["last-modified"]);
  if (changedAt === undefined || answer.isIndex || !mayBeGuessed(status, directives)) return 0;
  const guessed = ((madeAt - changedAt) / 1000) * HEURISTIC_SHARE;
  return Math.min(Math.max(0, guessed), MOST_HEURISTIC_SECONDS);
}

function mayBeGuessed(status: number, directives: CacheDirectives): boolean {
  return HEURISTICALLY_KEPT.has(status) || directives.has("public");
}

/** `current_age` of RFC 9111 section 4.2.3. */
export function ageSeconds({ initialAgeSeconds, receivedAt }: KeptHead, now: number): number {
  return initialAgeSeconds + Math.max(0, now - receivedAt) / 1000;
}

/** Whether an answer to these request headers may be kept, and is of use then (RFC 9111 section 3). */
export function isWorthKeeping(head: KeptHead, request: IncomingHttpHeaders): boolean {
  const { status, headers, isImmutable } = head;
  const directives = parseCacheControl(headers["cache-control"]);
  if (requestDirectives(request).has("no-store")) return false;
  // Parts of files are not kept; a 304 is to somebody else's condition.
  if (status < 200 || status === 206 || status === 304) return false;
  if (directives.has("must-understand") ? !UNDERSTOOD.has(status) : directives.has("no-store")) return false;
  if (isUnqualified(directives, "private")) return false;
  const isForAnybody = ["public", "must-revalidate", "s-maxage"].some((name) => directives.has(name));
  if (request.authorization !== undefined && !isForAnybody) return false;
  if ((headers.vary ?? "").includes("*")) return false;
  const isExplicit =
    isImmutable ||
    headers.expires !== undefined ||
    ["max-age", "s-maxage", "public"].some((name) => directives.has(name));
  if (!isExplicit && !HEURISTICALLY_KEPT.has(status)) return false;
  return (
    head.lifetimeSeconds > head.initialAgeSeconds ||
    headers.etag !== undefined ||
    headers["last-modified"] !== undefined ||
    ["stale-while-revalidate", "stale-if-error"].some((name) => (secondsOf(directives, name) ?? 0) > 0)
  );
}

/** What of what is kept these request headers allow (RFC 9111 sections 4.2 and 5.2). */
export function freshnessOf(head: KeptHead, request: IncomingHttpHeaders, now: number): Freshness {
  const age = ageSeconds(head, now);
  const isFresh = age < head.lifetimeSeconds;
  // A client's `no-cache` is for what changes.
  if (head.isImmutable && isFresh) return "fresh";
  if (now < head.receivedAt - CLOCK_TOLERANCE_MS) return "stale";
  const directives = parseCacheControl(head.headers["cache-control"]);
  if (mustBeValidated(head, directives)) return "stale";
  const wanted = requestDirectives(request);
  if (wanted.has("no-cache") || age > (secondsOf(wanted, "max-age") ?? Infinity)) return "stale";
  if (head.lifetimeSeconds - age < (secondsOf(wanted, "min-fresh") ?? -Infinity)) return "stale";
  if (isFresh) return "fresh";
  if (isStrict(directives)) return "stale";
  const staleSeconds = age - head.lifetimeSeconds;
  const accepted = wanted.get("max-stale") === true ? Infinity : (secondsOf(wanted, "max-stale") ?? -1);
  if (staleSeconds <= accepted) return "fresh";
  return staleSeconds < (secondsOf(directives, "stale-while-revalidate") ?? 0) ? "usable" : "stale";
}

/** Whether what is kept may be given where the origin cannot be asked (RFC 9111 section 4.2.4, RFC 5861). */
export function mayBeGivenStale(head: KeptHead, now: number): boolean {
  const directives = parseCacheControl(head.headers["cache-control"]);
  if (!head.isImmutable && (isStrict(directives) || mustBeValidated(head, directives))) return false;
  const allowed = secondsOf(directives, "stale-if-error") ?? STALE_IF_ERROR_SECONDS;
  return ageSeconds(head, now) <= head.lifetimeSeconds + allowed;
}

/** Directives that forbid a shared cache to give what is stale. */
function isStrict(directives: CacheDirectives): boolean {
  return ["must-revalidate", "proxy-revalidate", "s-maxage"].some((name) => directives.has(name));
}

function mustBeValidated({ headers }: KeptHead, directives: CacheDirectives): boolean {
  if (isUnqualified(directives, "no-cache")) return true;
  return headers["cache-control"] === undefined && isNoCachePragma(headers);
}
