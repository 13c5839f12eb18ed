/** Longest name taken, in characters; a TFTP request of RFC 2347 holds 512 bytes in all. */
const MAX_NAME_LENGTH = 1024;

/** A name as a path below the root, or why it is none. */
export type NameOutcome =
  | { readonly kind: "path"; readonly segments: readonly string[] }
  | { readonly kind: "refused"; readonly reason: "bad-name" | "outside-root" };

/**
 * Reads a file name as firmware writes it: `\` is `/` (Windows boot programs),
 * empty and `.` segments vanish (`//`, a leading `/`, GRUB's `$prefix/./x`), and `..`
 * goes up, but never above the root. Nothing is percent-decoded: in TFTP
 * `%2e` is three characters.
 *
 * @example parseFileName("\\boot//grub/../undionly.kpxe") // segments: ["boot", "undionly.kpxe"]
 */
export function parseFileName(name: string): NameOutcome {
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (name.length > MAX_NAME_LENGTH || /[\u0000-\u001f\u007f]/.test(name)) {
    return { kind: "refused", reason: "bad-name" };
  }
  const segments: string[] = [];
  for (const segment of name.split(/[/\\]/)) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") segments.push(segment);
    else if (segments.pop() === undefined) return { kind: "refused", reason: "outside-root" };
  }
  return segments.length === 0 ? { kind: "refused", reason: "bad-name" } : { kind: "path", segments };
}
