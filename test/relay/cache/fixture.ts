import { createCipheriv, createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { onTestFinished } from "vitest";

import type { BootEventInput } from "../../../core/relay-protocol/events.ts";
import type { RelayImageFile } from "../../../core/relay-protocol/image-manifest.ts";
import type { PrefetchFile, RelayImageKey, RelayState } from "../../../core/relay-protocol/state.ts";
import { signImagePath } from "../../../core/sign/image-path.ts";
import { signTreeGrant } from "../../../core/sign/tree-grant.ts";
import type { ImageCache } from "../../../relay/cache/image-cache.ts";
import { startImageCache } from "../../../relay/cache/start.ts";
import { createControlPlaneClient } from "../../../relay/control-plane/client.ts";
import { startRelayHttp, type RelayUnderTest } from "../http/fixture.ts";

export const MIB = 1024 * 1024;
const SITE_ID = "site-1";
const IMAGE = "debian-12";
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

export async function startFakeOrigin(): Promise<FakeOrigin> {
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
  onTestFinished(origin.close);
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

export type CacheUnderTest = RelayUnderTest & {
  readonly origin: FakeOrigin;
  readonly cache: ImageCache;
  readonly stateDir: string;
  /** What the control plane would say of keys and prefetch. */
  state: Pick<RelayState, "imageKeys" | "prefetch">;
  /** How far the relay's clock is ahead of the real one. */
  clockAheadMs: number;
  /** How often the keys were asked for again. */
  refreshes: number;
  /** What a refresh brings. */
  onRefresh: () => void;
  /** A signed URL of a file, good for an hour. */
  sign(path: string, options?: { expiresIn?: number; key?: RelayImageKey; siteId?: string }): Promise<string>;
  signTree(path: string): Promise<string>;
};

export type CacheOptions = {
  origin?: FakeOrigin;
  stateDir?: string;
  maxBytes?: number;
  maxRate?: number;
  prefetch?: PrefetchFile[];
};

/** The relay's HTTP side with a cache in front of a fake origin. */
export async function startCache(options: CacheOptions = {}): Promise<CacheUnderTest> {
  const origin = options.origin ?? (await startFakeOrigin());
  const stateDir = options.stateDir ?? (await makeStateDir());
  const events: BootEventInput[] = [];
  const parts = {
    origin,
    stateDir,
    state: { imageKeys: [KEY_1] as readonly RelayImageKey[], prefetch: options.prefetch ?? [] },
    clockAheadMs: 0,
    refreshes: 0,
    onRefresh: () => undefined as void,
  };
  const cache = await startImageCache({
    config: {
      stateDir,
      cache: {
        maxBytes: options.maxBytes ?? 1024 * MIB,
        maxRate: options.maxRate ?? null,
        prefetch: true,
      },
      controlPlane: { decisionSeconds: 3, url: origin.url },
    },
    credentials: { credential: "pxr_x", siteId: SITE_ID },
    client: createControlPlaneClient({ url: origin.url, credential: "pxr_x", timeoutMs: 2000 }),
    sync: {
      current: () => parts.state as Partial<RelayState> as RelayState,
      noteRevision: () => undefined,
      async refresh() {
        parts.refreshes++;
        parts.onRefresh();
        return "ok";
      },
    },
    onEvent: (event) => events.push(event),
    now: () => Date.now() + parts.clockAheadMs,
    log: pino({ level: process.env["LOG"] ?? "silent" }),
  });
  onTestFinished(() => cache.stop());
  const relay = await startRelayHttp(origin.url, { images: cache });
  const sign: CacheUnderTest["sign"] = async (
    path,
    { expiresIn = 3600, key = KEY_1, siteId = SITE_ID } = {},
  ) =>
    relay.url +
    (await signImagePath({
      key: Buffer.from(key.key, "base64url"),
      kid: key.kid,
      siteId,
      path: `/i/${IMAGE}/${REVISION}/${path.split("/").map(encodeURIComponent).join("/")}`,
      expiresAt: Math.floor(Date.now() / 1000) + expiresIn,
    }));
  const signTree: CacheUnderTest["signTree"] = async (path) => {
    const grant = await signTreeGrant({
      key: Buffer.from(KEY_1.key, "base64url"),
      kid: KEY_1.kid,
      siteId: SITE_ID,
      image: IMAGE,
      revision: REVISION,
      expiresAt: Math.floor(Date.now() / 1000) + 3600,
    });
    return `${relay.url}${grant}/${path}`;
  };
  // One object, so that a test can change what it holds.
  return Object.assign(parts, { ...relay, events, cache, sign, signTree });
}

export async function makeStateDir(): Promise<string> {
  const stateDir = await mkdtemp(join(tmpdir(), "pxedge-cache-"));
  onTestFinished(() => rm(stateDir, { recursive: true, force: true }));
  return stateDir;
}

/** Gives an origin a file. */
export function addFile(origin: FakeOrigin, path: string, bytes: Buffer, chunks = true): Buffer {
  origin.files.set(path, bytes);
  origin.manifest[path] = describe(bytes, chunks);
  return bytes;
}

/** A whole download; rejects when it is cut. */
export async function download(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; body: Buffer }> {
  const response = await fetch(url, { headers });
  return {
    status: response.status,
    headers: response.headers,
    body: Buffer.from(await response.arrayBuffer()),
  };
}
