/** What a `Range` header asks of a representation. Offsets are inclusive. */
export type ByteRange =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly first: number; readonly last: number }
  | { readonly kind: "unsatisfiable" };

const WHOLE: ByteRange = { kind: "whole" };

/**
 * Reads a `Range` header (RFC 9110 section 14.2) for something of `sizeBytes`.
 * Several ranges, other units and malformed ones are ignored, as the RFC allows:
 * the whole is an answer to any of them.
 */
export function parseByteRange(header: string | undefined, sizeBytes: number): ByteRange {
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header ?? "");
  if (match === null) return WHOLE;
  const [first, last] = [match[1]!, match[2]!];
  if (first === "") {
    if (last === "") return WHOLE;
    const length = Math.min(Number(last), sizeBytes);
    return length === 0
      ? { kind: "unsatisfiable" }
      : { kind: "part", first: sizeBytes - length, last: sizeBytes - 1 };
  }
  const from = Number(first);
  if (last !== "" && Number(last) < from) return WHOLE;
  if (from >= sizeBytes) return { kind: "unsatisfiable" };
  return {
    kind: "part",
    first: from,
    last: last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1),
  };
}
