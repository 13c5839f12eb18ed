import type { Logger } from "pino";

import type { EventName, EventSink } from "../../core/relay-protocol/events.ts";
import type { PrefetchFile } from "../../core/relay-protocol/state.ts";
import { createEventSampler } from "../http/event-sampler.ts";
import type { CacheConfig } from "../config/model.ts";
import { CacheDiskError, isDiskFull } from "./errors.ts";
import type { GrantedFile, Grants } from "./grants.ts";
import type { ImageObject } from "./image-object.ts";
import { openImageReader, type ImageReader } from "./image-reader.ts";
import type { Manifests } from "./manifests.ts";
import { openObjectStore, type ObjectStore } from "./object-store.ts";
import { createOpenObjects, type OpenObjects } from "./open-objects.ts";
import type { Origin } from "./origin.ts";
import { createPrefetcher } from "./prefetch.ts";
import { createReceiver } from "./receive.ts";
import { createSemaphore } from "./semaphore.ts";
import { createThrottle } from "./throttle.ts";

/**
 * What a signed URL stands for:
 * - `refused`: nothing; the client gets the one 404
 * - `unavailable`: it cannot be told without the control plane, which does not answer
 */
export type Resolution =
  | { readonly kind: "object"; readonly object: ImageObject }
  | { readonly kind: "refused" }
  | { readonly kind: "unavailable"; readonly reason: string };

/** Counters since the start, and what is there now. */
export type ImageCacheStats = {
  /** Objects opened that were here whole. */
  readonly hits: number;
  /** Objects opened that were being brought, or were begun then. */
  readonly fills: number;
  /** Objects opened that could not be kept. */
  readonly passed: number;
  /** Bytes handed to clients. */
  readonly servedBytes: number;
  /** Bytes received from the origin, good or not. */
  readonly originBytes: number;
  /** Connections and chunks that had to be tried again. */
  readonly retries: number;
  /** Chunks, files and answers of the origin that were not what the manifest says. */
  readonly mismatches: number;
  readonly objects: number;
  readonly bytes: number;
  readonly evictions: number;
};

/** The images of a site: one download over the WAN, however many machines ask. */
export type ImageCache = {
  /** Checks `/i/…?exp&kid&sig` or `/t/EXP.KID.SIG/…`, and looks up what it grants. Never throws. */
  resolve(target: string): Promise<Resolution>;
  /** All of a small object that was read lately: verified, and a hit. */
  held(object: ImageObject): Uint8Array | undefined;
  /** Opens an object to be read in any order; bytes come as soon as they are verified. */
  open(object: ImageObject): ImageReader;
  /** Replaces the list of files to have before they are asked for. */
  prefetch(files: readonly PrefetchFile[]): void;
  /** Goes by other limits from now on; downloads go on. @throws CacheDiskError where what is too much cannot be removed */
  configure(config: CacheConfig): Promise<void>;
  stats(): ImageCacheStats;
  stop(): Promise<void>;
};

export type ImageCacheOptions = {
  readonly config: Omit<CacheConfig, "mirrorBytes">;
  /** Of the objects. */
  readonly folder: string;
  readonly grants: Grants;
  readonly manifests: Manifests;
  readonly origin: Origin;
  readonly onEvent: EventSink;
  readonly log: Logger;
};

const MAX_TRANSFERS = 16;
/** While the disk is full, nothing new is begun on it. */
const FULL_DISK_MS = 30_000;

/** What keeps happening is told now and then. */
const EVENTS_PER_MINUTE = 5;

/** Creates the cache. A folder that cannot be used is reported, and done without. */
export async function createImageCache(options: ImageCacheOptions): Promise<ImageCache> {
  const { folder, grants, manifests, origin, log } = options;
  let { config } = options;
  let wanted: readonly PrefetchFile[] = [];
  const counters = {
    ...{ hits: 0, fills: 0, passed: 0 },
    ...{ servedBytes: 0, originBytes: 0, retries: 0, mismatches: 0 },
  };
  const semaphore = createSemaphore(MAX_TRANSFERS);
  const report = createReporter(options);
  /** What URLs that are known to be good stand for. */
  const found = new WeakMap<GrantedFile, Resolution>();
  /** Readers of objects that are not here whole. */
  let waiting = 0;
  let diskFullUntil = Number.NEGATIVE_INFINITY;

  const receiver = createReceiver({
    throttle: createThrottle(
      () => config.maxRate,
      () => performance.now(),
    ),
    origin,
    onBytes: (count) => (counters.originBytes += count),
    onMismatch: () => counters.mismatches++,
    onRetry(object, reason) {
      counters.retries++;
      log.warn({ ...nameOf(object), reason }, "an image file is asked for again");
    },
  });

  function onDiskError(object: ImageObject, error: unknown): void {
    if (isDiskFull(error)) diskFullUntil = performance.now() + FULL_DISK_MS;
    report(object, "uncached", (error as Error).message);
  }

  const store = await openStore();
  const objects: OpenObjects | undefined =
    store &&
    createOpenObjects({
      ...{ store, receiver, semaphore, onDiskError },
      onFilling: (object) => log.info(nameOf(object), "an image file is being fetched"),
      onWhole(object, durationMs) {
        const about = { ...nameOf(object), bytes: object.sizeBytes, durationMs: Math.round(durationMs) };
        log.info(about, "an image file is in the cache");
        options.onEvent({ mac: null, stage: "http", name: "cached", detail: about });
      },
    });

  async function openStore(): Promise<ObjectStore | undefined> {
    try {
      return await openObjectStore(folder, config.maxBytes);
    } catch (error) {
      if (!(error instanceof CacheDiskError)) throw error;
      log.error({ err: error }, "the image cache cannot be used: images are served without it");
      report(undefined, "uncached", error.message);
      return undefined;
    }
  }

  async function find(image: string, revision: string, path: string): Promise<Resolution> {
    const outcome = await manifests.get(revision);
    if (outcome.kind === "unavailable") return outcome;
    if (outcome.kind === "unknown") return { kind: "refused" };
    const { files } = outcome.manifest;
    if (!Object.hasOwn(files, path)) return { kind: "refused" };
    return { kind: "object", object: { ...files[path]!, image, revision, path } };
  }

  const prefetcher = createPrefetcher({
    async find({ image, revision, path }) {
      const found = await find(image, revision, path);
      return found.kind === "object" ? found.object : undefined;
    },
    acquire: async (object) => objects?.acquire(object),
    isBusy: () => waiting > 0,
    log,
  });

  return {
    async resolve(target) {
      const verdict = await grants.check(target);
      if (verdict.kind === "refused") return verdict;
      const known = found.get(verdict);
      if (known !== undefined) return known;
      const resolution = await find(verdict.image, verdict.revision, verdict.path);
      if (resolution.kind === "object") found.set(verdict, resolution);
      return resolution;
    },
    held(object) {
      const content = objects?.contentOf(object);
      if (content === undefined) return undefined;
      counters.hits++;
      counters.servedBytes += content.length;
      return content;
    },
    open: (object) =>
      openImageReader({
        object,
        receiver,
        async acquire() {
          const lease = await objects?.acquire(object);
          if (lease === undefined) {
            if (objects !== undefined) report(object, "uncached", "it does not fit into cache.maxBytes");
            return undefined;
          }
          if (lease.cached.isWhole || performance.now() >= diskFullUntil) return lease;
          lease.release();
          return undefined;
        },
        onDiskError,
        onSource(source) {
          if (source === "cache") counters.hits++;
          else if (source === "fill") counters.fills++;
          else counters.passed++;
          if (source !== "cache") waiting++;
        },
        onClosed(source) {
          if (source === "fill" || source === "origin") waiting--;
        },
        onServed: (bytes) => (counters.servedBytes += bytes),
        onRejected: (reason) => report(object, "rejected", reason),
      }),
    prefetch(files) {
      wanted = files;
      prefetcher.want(config.prefetch ? files : []);
    },
    async configure(next) {
      config = next;
      prefetcher.want(config.prefetch ? wanted : []);
      await store?.setMaxBytes(config.maxBytes);
    },
    stats: () => ({
      ...counters,
      ...(store?.usage ?? { objects: 0, bytes: 0, evictions: 0 }),
    }),
    async stop() {
      await prefetcher.stop();
      await objects?.close();
      origin.close();
    },
  };
}

function nameOf({ image, revision, path }: ImageObject): { image: string; revision: string; path: string } {
  return { image, revision, path };
}

type Report = (object: ImageObject | undefined, name: EventName<"http">, reason: string) => void;

/** Creates the way to tell what is wrong, a few times a minute and kind. */
function createReporter({ onEvent, log }: ImageCacheOptions): Report {
  const sampler = createEventSampler({
    now: () => performance.now(),
    perMinute: EVENTS_PER_MINUTE,
    maxKeys: 100,
  });
  return (object, name, reason) => {
    const suppressed = sampler.admit(name);
    if (suppressed === undefined) return;
    const about = { ...(object && nameOf(object)), reason, ...(suppressed > 0 && { suppressed }) };
    log.error(about, name === "rejected" ? "an image file is not what it should be" : "not cached");
    onEvent({ mac: null, stage: "http", name, detail: about });
  };
}
