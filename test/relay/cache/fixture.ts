import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { onTestFinished } from "vitest";

import type { BootEventInput } from "../../../core/relay-protocol/events.ts";
import type { PrefetchFile, RelayImageKey, RelayState } from "../../../core/relay-protocol/state.ts";
import { signTreeGrant } from "../../../core/sign/tree-grant.ts";
import type { ImageCache } from "../../../relay/cache/image-cache.ts";
import { startImageCache } from "../../../relay/cache/start.ts";
import { createControlPlaneClient } from "../../../relay/control-plane/client.ts";
import { startRelayHttp, type RelayUnderTest } from "../http/fixture.ts";
import {
  type FakeOrigin,
  IMAGE,
  KEY_1,
  MIB,
  openFakeOrigin,
  REVISION,
  SITE_ID,
  signPath,
  type SignOptions,
} from "./fake-origin.ts";

export async function startFakeOrigin(): Promise<FakeOrigin> {
  const origin = await openFakeOrigin();
  onTestFinished(() => origin.close());
  return origin;
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
  sign(path: string, options?: SignOptions): Promise<string>;
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
      controlPlane: { url: origin.url },
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
  const sign: CacheUnderTest["sign"] = async (path, options) => relay.url + (await signPath(path, options));
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
