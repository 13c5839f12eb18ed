import type { IncomingHttpHeaders } from "node:http";

/** What identifies one version of a file. */
export type Validators = {
  /** A strong entity tag, with its quotes. */
  readonly etag: string;
  /** `undefined` where that means nothing: then dates in a request count for nothing. */
  readonly modifiedMs: number | undefined;
};

/** `none`: the precondition holds, or there is none. */
export type PreconditionOutcome = "none" | "not-modified" | "failed";

/** Evaluates a GET's or HEAD's preconditions in the order of RFC 9110 section 13.2.2. */
export function checkPreconditions(
  headers: IncomingHttpHeaders,
  { etag, modifiedMs }: Validators,
): PreconditionOutcome {
  const ifMatch = headers["if-match"];
  const ifNoneMatch = headers["if-none-match"];
  if (ifMatch !== undefined) {
    if (!lists(ifMatch, etag)) return "failed";
  } else if (isAfter(modifiedMs, headers["if-unmodified-since"]) === true) {
    return "failed";
  }
  if (ifNoneMatch !== undefined) {
    // Weak comparison: the tag counts, its W/ does not.
    return lists(ifNoneMatch.replaceAll("W/", ""), etag) ? "not-modified" : "none";
  }
  return isAfter(modifiedMs, headers["if-modified-since"]) === false ? "not-modified" : "none";
}

/** Whether `Range` counts: without `If-Range`, or when that names this very version (section 13.1.5). */
export function allowsRange(headers: IncomingHttpHeaders, { etag, modifiedMs }: Validators): boolean {
  // node:http never makes a list of it.
  const ifRange = headers["if-range"] as string | undefined;
  if (ifRange === undefined) return true;
  return ifRange.includes('"')
    ? ifRange === etag
    : modifiedMs !== undefined && Date.parse(ifRange) === wholeSeconds(modifiedMs);
}

function lists(header: string, etag: string): boolean {
  return header.trim() === "*" || header.split(",").some((tag) => tag.trim() === etag);
}

/** HTTP dates have whole seconds; `undefined` for no date or none that parses. */
function isAfter(modifiedMs: number | undefined, date: string | undefined): boolean | undefined {
  const time = Date.parse(date ?? "");
  return modifiedMs === undefined || Number.isNaN(time) ? undefined : wholeSeconds(modifiedMs) > time;
}

function wholeSeconds(timeMs: number): number {
  return Math.floor(timeMs / 1000) * 1000;
}
