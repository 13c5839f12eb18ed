/**
 * The alphabets of what is signed. Nothing in them can end a line of a
 * canonical string, so no two grants share one.
 */
export const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Visible ASCII. */
export function isSiteId(siteId: string): boolean {
  return /^[\x21-\x7e]+$/.test(siteId);
}

/**
 * A path as a URL carries it: visible ASCII, percent-encoded, without query,
 * and with no segment that a URL parser or a file system would fold away.
 */
export function isPlainPath(path: string): boolean {
  if (!/^\/[\x21-\x7e]+$/.test(path) || /[?#\\]/.test(path)) return false;
  return path
    .split("/")
    .slice(1)
    .every((part) => part !== "" && !/^(?:\.|%2e){1,2}$/i.test(part));
}
