import { formatHex } from "../core/bytes.ts";
import { PxedgeError } from "../core/errors.ts";
import type { ByteRange } from "./deliver-file.ts";
import { measureFile } from "./measure-file.ts";
import type { UpstreamFile } from "./site-object/pinned.ts";

/** Mirrors send a client to a nearer one; more hops than these are a loop. */
const MAX_REDIRECTS = 3;

/** Why an upstream gave nothing usable: told to whoever puts an image; a machine sees 503. */
export class UpstreamError extends PxedgeError {
  readonly code = "UPSTREAM_UNUSABLE";
}

/**
 * Whether files may come from an origin: HTTPS, and a host with a public name.
 * An address is none: it could be one of a private network, and so are names
 * that mean something else in every network.
 */
export function isPublicOrigin(origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  const isAddress = /^\[|^[0-9.]+$/.test(url.hostname);
  const isPrivateName = !url.hostname.includes(".") || PRIVATE_NAME.test(url.hostname);
  return url.protocol === "https:" && url.origin === origin && !isAddress && !isPrivateName;
}

/** Special-use domains (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`), and names that end in a dot. */
const PRIVATE_NAME = /(?:^|\.)(?:localhost|local|internal|home\.arpa|lan|test|invalid)\.?$|\.$/;

/**
 * Opens a file, or a range of it, where it lives. Redirects are followed to the
 * allowed origins only. A whole file is checked as it passes: where its hash is
 * not what the manifest says, the stream breaks before its end.
 *
 * @param origins what the image allows, each an `isPublicOrigin`
 * @throws UpstreamError
 */
export async function openUpstream(
  file: UpstreamFile,
  origins: readonly string[],
  range: ByteRange | null,
): Promise<ReadableStream<Uint8Array>> {
  const body = await openUnverified(file, origins, range);
  return range === null ? body.pipeThrough(verifying(file)) : body;
}

/**
 * Reads a file once where it lives, and returns the hash of each MiB. No more of
 * it is held than that.
 *
 * @throws UpstreamError also where its size or its hash is another one
 */
export async function measureUpstream(
  file: Omit<UpstreamFile, "chunks">,
  origins: readonly string[],
): Promise<string[]> {
  const body = await openUnverified(file, origins, null);
  const { sizeBytes, sha256, chunks } = await measureFile(atMost(body, file.sizeBytes));
  if (sizeBytes !== file.sizeBytes) {
    throw new UpstreamError(`the file has ${sizeBytes} bytes, not ${file.sizeBytes}`);
  }
  if (sha256 !== file.sha256) throw new UpstreamError(`the file has the hash ${sha256}, not ${file.sha256}`);
  return chunks;
}

/** What it sends, whole or in part, before anybody has looked at its bytes. */
async function openUnverified(
  file: Omit<UpstreamFile, "chunks">,
  origins: readonly string[],
  range: ByteRange | null,
): Promise<ReadableStream<Uint8Array>> {
  const response = await fetchAllowed(file.url, origins, range);
  const problem = findProblem(response, file, range);
  if (problem !== null || response.body === null) {
    await response.body?.cancel();
    throw new UpstreamError(`${new URL(file.url).origin} ${problem ?? "sent no body"}`);
  }
  return response.body;
}

async function fetchAllowed(
  start: string,
  origins: readonly string[],
  range: ByteRange | null,
): Promise<Response> {
  const headers = new Headers({ "accept-encoding": "identity" });
  if (range !== null) headers.set("range", `bytes=${range.offset}-${range.offset + range.length - 1}`);
  let url = start;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const { origin } = new URL(url);
    if (!origins.includes(origin) || !isPublicOrigin(origin)) {
      throw new UpstreamError(`${origin} is not among the origins of the image`);
    }
    const response = await fetch(url, { headers, redirect: "manual" }).catch((cause: unknown) => {
      throw new UpstreamError(`${origin} cannot be reached`, { cause });
    });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    if (!URL.canParse(location, url)) throw new UpstreamError(`${origin} redirects to no URL`);
    url = new URL(location, url).href;
  }
  throw new UpstreamError(`${new URL(start).origin} redirects more than ${MAX_REDIRECTS} times`);
}

function findProblem(
  response: Response,
  { sizeBytes }: Pick<UpstreamFile, "sizeBytes">,
  range: ByteRange | null,
): string | null {
  const expected = range === null ? 200 : 206;
  if (response.status !== expected) return `answered ${response.status}, not ${expected}`;
  if (response.headers.has("content-encoding")) return "sent the file encoded";
  const length = response.headers.get("content-length");
  const wanted = range?.length ?? sizeBytes;
  if (length !== null && Number(length) !== wanted) return `sent ${length} bytes, not ${wanted}`;
  if (range === null) return null;
  const contentRange = `bytes ${range.offset}-${range.offset + range.length - 1}/${sizeBytes}`;
  return response.headers.get("content-range") === contentRange ? null : "sent another range";
}

/** Gives a stream up that is longer than it should be. */
async function* atMost(stream: ReadableStream<Uint8Array>, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let seen = 0;
  const pieces = stream[Symbol.asyncIterator]();
  for (;;) {
    const next = await pieces.next().catch((cause: unknown) => {
      throw new UpstreamError(`the upstream broke off after ${seen} of ${sizeBytes} bytes`, { cause });
    });
    if (next.done) return;
    seen += next.value.length;
    if (seen > sizeBytes) {
      await pieces.return?.();
      throw new UpstreamError(`the upstream sends more than ${sizeBytes} bytes`);
    }
    yield next.value;
  }
}

/** Lets bytes pass but for the last ones, which wait for the hash of all. */
function verifying({ sizeBytes, sha256 }: UpstreamFile): TransformStream<Uint8Array, Uint8Array> {
  const digest = new crypto.DigestStream("SHA-256");
  const writer = digest.getWriter();
  let held: Uint8Array | null = null;
  let seen = 0;
  return new TransformStream({
    transform: async (piece, controller) => {
      seen += piece.length;
      if (seen > sizeBytes) throw new UpstreamError(`upstream sent more than ${sizeBytes} bytes`);
      await writer.write(piece);
      if (held !== null) controller.enqueue(held);
      held = piece;
    },
    flush: async (controller) => {
      await writer.close();
      const found = formatHex(new Uint8Array(await digest.digest));
      if (found !== sha256) throw new UpstreamError(`upstream's file has the hash ${found}, not ${sha256}`);
      if (held !== null) controller.enqueue(held);
    },
  });
}
