import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import CachePolicy from "http-cache-semantics";

/** A request as caching sees it. */
export type CacheRequest = CachePolicy.HttpRequest;

/** A package never changes under its name: what ends so, or lies in such a folder. */
const IMMUTABLE =
  /\.(?:deb|udeb|ddeb|dsc|rpm|drpm|apk|pkg\.tar\.(?:zst|xz))$|\/by-hash\/|\/pool\/.*\.tar\.\w+$/;
/** Repository metadata of RPM carries its hash in its name. */
const NAMED_BY_HASH = /\/repodata\/[0-9a-f]{40,}-/;

const YEAR_SECONDS = 31_536_000;
/** Of what is not there and the origin does not say for how long: apt asks for much that no mirror has. */
const NEGATIVE_SECONDS = 60;
/** How long past its freshness a file is still better than none, where the origin does not say. */
const STALE_IF_ERROR_SECONDS = 30 * 86_400;

function isImmutable(path: string): boolean {
  const name = path.split("?")[0]!;
  return IMMUTABLE.test(name) || NAMED_BY_HASH.test(name);
}

/**
 * Decides how an answer may be kept. Nothing is guessed (`cacheHeuristic` 0):
 * a Packages file that is thought fresh beside a newer Release file fails an
 * install, and asking whether it is still the same is cheap.
 */
export function createPolicy(
  request: CacheRequest,
  { statusCode, headers }: Pick<IncomingMessage, "statusCode" | "headers">,
): CachePolicy {
  const status = statusCode!;
  const explicit = /max-age|s-maxage|no-store|private/.test(headers["cache-control"] ?? "");
  const kept: IncomingHttpHeaders = { ...headers };
  if (
    status === 200 &&
    isImmutable(request.url ?? "") &&
    !/no-store|private/.test(headers["cache-control"] ?? "")
  ) {
    kept["cache-control"] = `public, max-age=${YEAR_SECONDS}, immutable`;
    delete kept.expires;
    delete kept.pragma;
  } else if ((status === 404 || status === 410) && !explicit && headers.expires === undefined) {
    kept["cache-control"] = `max-age=${NEGATIVE_SECONDS}`;
  }
  return new CachePolicy(request, { status, headers: kept }, { shared: true, cacheHeuristic: 0 });
}

/** What a 304 does not say of the answer that is kept (RFC 9111 section 3.2). */
const OF_THE_BODY = new Set(["content-length", "content-encoding", "content-range", "content-type"]);

/**
 * What is kept after the origin has said that it still holds; `undefined`
 * where its 304 speaks of another version.
 */
export function renewPolicy(
  policy: CachePolicy,
  request: CacheRequest,
  { headers }: IncomingMessage,
): CachePolicy | undefined {
  const answer = { status: 304, headers: headers as CachePolicy.Headers };
  if (policy.revalidatedPolicy(request, answer).modified) return undefined;
  const { age: _age, ...kept } = policy.toObject().resh;
  const said = Object.entries(headers).filter(([name]) => !OF_THE_BODY.has(name));
  const merged = { ...kept, date: new Date().toUTCString(), ...Object.fromEntries(said) };
  return createPolicy(request, { statusCode: policy.toObject().st, headers: merged });
}

/** Whether an answer may be kept, and is of use then. */
export function isWorthKeeping(policy: CachePolicy): boolean {
  const { st, resh } = policy.toObject();
  if (!policy.storable() || /\*/.test(String(resh["vary"] ?? "")) || resh["content-range"] !== undefined)
    return false;
  if (![200, 203, 300, 404, 410].includes(st)) return false;
  return policy.timeToLive() > 0 || resh["etag"] !== undefined || resh["last-modified"] !== undefined;
}

/** Whether what is kept answers a request without asking the origin. */
export function isFresh(policy: CachePolicy, request: CacheRequest): boolean {
  // A client's `no-cache` is for what changes.
  if (isImmutable(request.url ?? "") && policy.timeToLive() > 0) return true;
  return policy.satisfiesWithoutRevalidation(request);
}

/** Whether what is kept may be given where the origin cannot be asked (RFC 9111 section 4.2.4, RFC 5861). */
export function mayBeGivenStale(policy: CachePolicy): boolean {
  const { rescc } = policy.toObject();
  const strict = ["must-revalidate", "proxy-revalidate", "s-maxage", "no-cache"];
  if (strict.some((name) => name in rescc)) return false;
  const allowed = Number(rescc["stale-if-error"] ?? STALE_IF_ERROR_SECONDS);
  return policy.age() <= policy.maxAge() + allowed;
}

/** The request headers that selected an answer, by its `Vary` (RFC 9111 section 4.1). */
export function selectionOf(vary: string | undefined, headers: CachePolicy.Headers): Record<string, string> {
  const names = (vary ?? "").split(",").map((name) => name.trim().toLowerCase());
  return Object.fromEntries(
    names
      .filter((name) => name !== "")
      .sort()
      .map((name) => [name, normalize(headers[name])]),
  );
}

export function isSelectedBy(selection: Record<string, string>, headers: CachePolicy.Headers): boolean {
  return Object.entries(selection).every(([name, value]) => normalize(headers[name]) === value);
}

function normalize(value: string | string[] | undefined): string {
  return String(value ?? "")
    .replaceAll(/\s*,\s*/g, ",")
    .trim();
}
