const MAX_LENGTH = 200;

/** First segments after which the second is a capability, a grant or a token. */
const GRANTS = new Set(["a", "e", "t", "s"]);
/** Other paths of ours: nothing in them is secret. */
const OPEN = new Set(["boot", "boot.ipxe", "f", "i"]);
/** Looks like a capability or a signature, in a path that somebody mistyped. */
const SECRET_LIKE = /[A-Za-z0-9_-]{24,}/g;
/** As long as one, wherever it stands: a path may lead elsewhere than it seems to. No revision is as long. */
const SECRET_LONG = /[A-Za-z0-9_-]{40,}/g;

/**
 * A request's target as logs and events may show it: without its query, and
 * with what grants something replaced by `…`.
 *
 * @example redactTarget("/a/Zm9vYmFy/preseed.cfg?x=1") // "/a/…/preseed.cfg"
 */
export function redactTarget(target: string): string {
  const path = redactPath(target.split(/[?#]/)[0]!).replaceAll(SECRET_LONG, "…");
  return path.length > MAX_LENGTH ? `${path.slice(0, MAX_LENGTH)}…` : path;
}

/** Whether a path's first segment is followed by what grants something. */
export function isGrantFolder(segment: string): boolean {
  return GRANTS.has(segment);
}

function redactPath(path: string): string {
  const segments = path.split("/");
  const first = segments[1] ?? "";
  if (isGrantFolder(first)) return segments.with(Math.min(2, segments.length - 1), "…").join("/");
  return OPEN.has(first) ? path : path.replaceAll(SECRET_LIKE, "…");
}
