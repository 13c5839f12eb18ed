import { isGrantFolder } from "../http/redact.ts";

/**
 * A client's file name as it may stand in a log: short, without control
 * characters, and without what grants something.
 *
 * @example printableName("t/t85s00.k1.xzAB/debian-12/9f/linux") // "t/…/debian-12/9f/linux"
 */
export function printableName(name: string): string {
  const segments = name.split(/[/\\]/);
  const first = segments.findIndex((segment) => segment !== "" && segment !== ".");
  const isGrant = isGrantFolder(segments[first] ?? "") && first + 1 < segments.length;
  const text = isGrant ? segments.with(first + 1, "…").join("/") : name;
  // oxlint-disable-next-line no-control-regex -- control characters are what is replaced
  return text.slice(0, 255).replace(/[\u0000-\u001f\u007f-\u009f]/g, "\uFFFD");
}
