import type { AppContext } from "./http.ts";
import { refused } from "./refusal.ts";

/** Bytes of a file, both in bytes from its start. */
export type ByteRange = { readonly offset: number; readonly length: number };

/** A file that a client may have. */
export type Delivery = {
  readonly sizeBytes: number;
  /** A strong entity tag, with its quotes. */
  readonly etag: string;
  readonly cacheControl: string;
  /** Opens all of it (`null`) or a range; `null` where it is gone. */
  open(range: ByteRange | null): Promise<BodyInit | null>;
};

/**
 * Answers GET and HEAD: If-None-Match, If-Range and one byte range (RFC 9110
 * sections 13 and 14). A file that is gone gets the same refusal as one that
 * never was.
 */
export async function deliverFile(c: AppContext, file: Delivery): Promise<Response> {
  const headers = new Headers({
    ...Object.fromEntries(c.res.headers),
    "accept-ranges": "bytes",
    "cache-control": file.cacheControl,
    etag: file.etag,
  });
  if (matches(c.req.header("if-none-match"), file.etag)) return new Response(null, { status: 304, headers });

  headers.set("content-type", "application/octet-stream");
  const ifRange = c.req.header("if-range");
  const isHead = c.req.method === "HEAD";
  const usesRange = !isHead && (ifRange === undefined || ifRange === file.etag);
  const range = usesRange ? parseRange(c.req.header("range"), file.sizeBytes) : null;
  if (range === "unsatisfiable") {
    headers.set("content-range", `bytes */${file.sizeBytes}`);
    return new Response(null, { status: 416, headers });
  }
  headers.set("content-length", String(range?.length ?? file.sizeBytes));
  if (range !== null) {
    const last = range.offset + range.length - 1;
    headers.set("content-range", `bytes ${range.offset}-${last}/${file.sizeBytes}`);
  }
  if (isHead) return new Response(null, { headers });
  const body = await file.open(range);
  return body === null ? refused() : new Response(body, { status: range === null ? 200 : 206, headers });
}

/** If-None-Match: any of the listed tags, compared weakly (RFC 9110 section 13.1.2). */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === etag);
}

/** One byte range (RFC 9110 section 14.1.2); `null` for none, several or another unit: all of it is then right. */
function parseRange(header: string | undefined, sizeBytes: number): ByteRange | "unsatisfiable" | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return null;
  if (match[1] === "") {
    const length = Math.min(Number(match[2]), sizeBytes);
    return length === 0 ? "unsatisfiable" : { offset: sizeBytes - length, length };
  }
  const first = Number(match[1]);
  const last = match[2] === "" ? sizeBytes - 1 : Math.min(Number(match[2]), sizeBytes - 1);
  if (match[2] !== "" && Number(match[2]) < first) return null;
  return first >= sizeBytes ? "unsatisfiable" : { offset: first, length: last - first + 1 };
}
