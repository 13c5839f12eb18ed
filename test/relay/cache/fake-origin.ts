import { createCipheriv, createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import type { RelayImageFile } from "../../../core/relay-protocol/image-manifest.ts";
import type { RelayImageKey } from "../../../core/relay-protocol/state.ts";
import { signImagePath } from "../../../core/sign/image-path.ts";

export const MIB = 1024 * 1024;
export const SITE_ID = "site-1";
export const IMAGE = "debian-12";
export const REVISION = "9f86d081884c7d659a2feaa0c55ad015";
export const KEY_1 = { kid: "k1", key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
export const KEY_2 = { kid: "k2", key: "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE" };

/** Bytes that differ from place to place, and from seed to seed. */
export function patterned(length: number, seed = 1): Buffer {
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(length));
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** What a manifest says of a file. */
function describe(bytes: Buffer, chunks = true): RelayImageFile {
  const hashes: string[] = [];
  for (let at = 0; at < bytes.length; at += MIB) hashes.push(sha256(bytes.subarray(at, at + MIB)));
  return { sizeBytes: bytes.length, sha256: sha256(bytes), ...(chunks && { chunks: hashes }) };
}

/** A control plane's image files on loopback, which does to a request what the test tells it to. */
export type FakeOrigin = {
  readonly url: string;
  /** Requests for files: path and Range. */
  readonly requests: { path: string; range: string | undefined }[];
  /** Bytes of files handed to connections. */
  sentBytes: number;
  readonly files: Map<string, Buffer>;
  readonly manifest: Record<string, RelayImageFile>;
  /** Does the answer itself where it returns true. */
  interfere: (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean;
  /** Bytes a second; 0: as fast as it goes. */
  rate: number;
  close(): Promise<void>;
};

/** Starts it; whoever does closes it. */
export async function openFakeOrigin(): Promise<FakeOrigin> {
  const origin = {
    requests: [] as FakeOrigin["requests"],
    sentBytes: 0,
    files: new Map<string, Buffer>(),
    manifest: {} as Record<string, RelayImageFile>,
    interfere: () => false,
    rate: 0,
  } as unknown as FakeOrigin & { url: string; close: FakeOrigin["close"] };

  const server = createServer((request, response) => {
    response.on("error", () => undefined);
    answer(origin, request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  origin.close = async () => {
    server.close();
    server.closeAllConnections();
  };
  return origin;
}

async function answer(origin: FakeOrigin, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url!, "http://x").pathname;
  if (path.startsWith("/relay/v1/images/")) {
    if (path !== `/relay/v1/images/${REVISION}`) return void response.writeHead(404).end("{}");
    return void response.writeHead(200).end(JSON.stringify({ files: origin.manifest }));
  }
  const name = decodeURIComponent(path.split("/").slice(4).join("/"));
  const bytes = origin.files.get(name);
  const { range } = request.headers;
  origin.requests.push({ path: name, range });
  if (bytes === undefined) return void response.writeHead(404).end();
  const [, first = "0", last = String(bytes.length - 1)] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  const body = bytes.subarray(Number(first), Number(last) + 1);
  if (origin.interfere(request, response, body)) return;
  response.writeHead(range === undefined ? 200 : 206, {
    "content-length": body.length,
    etag: `"${sha256(bytes)}"`,
    ...(range !== undefined && { "content-range": `bytes ${first}-${last}/${bytes.length}` }),
  });
  await send(origin, response, body);
  response.end();
}

/** Sends in pieces, at the origin's rate. */
export async function send(origin: FakeOrigin, response: ServerResponse, body: Buffer): Promise<void> {
  const piece = origin.rate === 0 ? 256 * 1024 : Math.max(1024, Math.floor(origin.rate / 50));
  for (let at = 0; at < body.length && !response.destroyed; at += piece) {
    const part = body.subarray(at, at + piece);
    origin.sentBytes += part.length;
    const flushed = new Promise<void>((resolve) => {
      response.write(part, () => resolve());
    });
    await flushed;
    if (origin.rate > 0)
      await new Promise((resolve) => setTimeout(resolve, (part.length / origin.rate) * 1000));
  }
}

/** Gives an origin a file. */
export function addFile(origin: FakeOrigin, path: string, bytes: Buffer, chunks = true): Buffer {
  origin.files.set(path, bytes);
  origin.manifest[path] = describe(bytes, chunks);
  return bytes;
}

export type SignOptions = {
  readonly expiresIn?: number;
  readonly key?: RelayImageKey;
  readonly siteId?: string;
};

/** A signed path of a file of the fake origin. */
export function signPath(path: string, options: SignOptions = {}): Promise<string> {
  const { expiresIn = 3600, key = KEY_1, siteId = SITE_ID } = options;
  return signImagePath({
    key: Buffer.from(key.key, "base64url"),
    kid: key.kid,
    siteId,
    path: `/i/${IMAGE}/${REVISION}/${path.split("/").map(encodeURIComponent).join("/")}`,
    expiresAt: Math.floor(Date.now() / 1000) + expiresIn,
  });
}
