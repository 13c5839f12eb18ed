import type { IncomingHttpHeaders } from "node:http";

/** Directives of a `Cache-Control` field by their names in lower case; `true` for those without an argument. */
export type CacheDirectives = ReadonlyMap<string, string | true>;

/** What stands between commas that are not in quotation marks. */
const MEMBER = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;
const DIRECTIVE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(.*))?$/s;

/**
 * Reads a `Cache-Control` field (RFC 9111 section 5.2). Names count in any
 * case; of a directive that is there twice the first counts (section 4.2.1);
 * what is malformed is left out.
 */
export function parseCacheControl(field: string | undefined): CacheDirectives {
  const directives = new Map<string, string | true>();
  for (const [member] of (field ?? "").matchAll(MEMBER)) {
    const [, name, argument] = DIRECTIVE.exec(member.trim()) ?? [];
    if (name === undefined || directives.has(name.toLowerCase())) continue;
    directives.set(name.toLowerCase(), argument === undefined ? true : unquote(argument));
  }
  return directives;
}

/** As `Cache-Control` of a request; in its absence `Pragma: no-cache` means the same (RFC 9111 section 5.4). */
export function requestDirectives(headers: IncomingHttpHeaders): CacheDirectives {
  const field = headers["cache-control"];
  if (field !== undefined) return parseCacheControl(field);
  return isNoCachePragma(headers) ? new Map([["no-cache", true]]) : new Map();
}

export function isNoCachePragma({ pragma }: IncomingHttpHeaders): boolean {
  return parseCacheControl(pragma).has("no-cache");
}

/** A directive's seconds; 0 where they cannot be read, `undefined` where it is not there. */
export function secondsOf(directives: CacheDirectives, name: string): number | undefined {
  const argument = directives.get(name);
  if (argument === undefined) return undefined;
  return parseSeconds(argument) ?? 0;
}

/** A number of seconds (RFC 9111 section 1.2.2), the largest being as good as for ever. */
export function parseSeconds(text: string | true): number | undefined {
  return text !== true && /^\d+$/.test(text) ? Math.min(Number(text), 2 ** 31) : undefined;
}

/** The fields that `no-cache` or `private` names; none where it is about the whole answer. */
export function fieldsOf(directives: CacheDirectives, name: "no-cache" | "private"): readonly string[] {
  const argument = directives.get(name);
  if (argument === undefined || argument === true) return [];
  return argument.split(",").map((field) => field.trim().toLowerCase());
}

/** Whether a directive is there and about the whole answer. */
export function isUnqualified(directives: CacheDirectives, name: "no-cache" | "private"): boolean {
  return directives.has(name) && fieldsOf(directives, name).length === 0;
}

function unquote(argument: string): string {
  return /^".*"$/s.test(argument) ? argument.slice(1, -1).replaceAll(/\\(.)/gs, "$1") : argument;
}
