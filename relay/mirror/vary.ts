import type { IncomingHttpHeaders } from "node:http";

/** Request headers by name, as they selected an answer. */
export type Selection = Readonly<Record<string, string>>;

/** The request headers that selected an answer, by its `Vary` (RFC 9111 section 4.1). */
export function selectionOf(vary: string | undefined, headers: IncomingHttpHeaders): Selection {
  const names = (vary ?? "").split(",").map((name) => name.trim().toLowerCase());
  return Object.fromEntries(
    names
      .filter((name) => name !== "")
      .sort()
      .map((name) => [name, normalize(name, headers[name])]),
  );
}

export function isSelectedBy(selection: Selection, headers: IncomingHttpHeaders): boolean {
  return Object.entries(selection).every(([name, value]) => normalize(name, headers[name]) === value);
}

/** Lists whose order and case mean nothing: preference is by `q` (RFC 9110 section 12.5). */
const UNORDERED = new Set(["accept-encoding", "accept-language"]);

function normalize(name: string, value: string | string[] | undefined): string {
  const members = String(value ?? "")
    .split(",")
    .map((member) => member.trim());
  if (!UNORDERED.has(name)) return members.join(",");
  return members
    .map((member) => member.toLowerCase())
    .sort()
    .join(",");
}
