import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

import type { PrefetchFile } from "../../core/relay-protocol/state.ts";
import { ImageError } from "./errors.ts";
import type { ImageObject } from "./image-object.ts";
import type { Lease } from "./open-objects.ts";

/** Brings what active orders will ask for before a machine does, while nobody waits for anything else. */
export type Prefetcher = {
  /** Replaces the list of what is wanted. */
  want(files: readonly PrefetchFile[]): void;
  stop(): Promise<void>;
};

export type PrefetcherOptions = {
  /** What the manifest says of a file; `undefined` where that cannot be told for now. */
  readonly find: (file: PrefetchFile) => Promise<ImageObject | undefined>;
  readonly acquire: (object: ImageObject) => Promise<Lease | undefined>;
  /** Whether clients wait for the WAN. */
  readonly isBusy: () => boolean;
  readonly log: Logger;
  readonly retryMs?: number;
  /** How often it looks whether clients wait. */
  readonly lookMs?: number;
};

const RETRY_MS = 30_000;
const LOOK_MS = 500;

/** One file at a time, in the order of the list. */
export function createPrefetcher(options: PrefetcherOptions): Prefetcher {
  const { find, acquire, isBusy, log, retryMs = RETRY_MS, lookMs = LOOK_MS } = options;
  const stopping = new AbortController();
  const done = new Set<string>();
  let wanted: readonly PrefetchFile[] = [];
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const file = wanted.find(({ sha256 }) => !done.has(sha256));
      if (file === undefined) return;
      if (await bring(file)) done.add(file.sha256);
    }
  }

  /** Whether nothing more is to be done about it. */
  async function bring(file: PrefetchFile): Promise<boolean> {
    while (isBusy()) if (!(await pause(lookMs))) return false;
    const object = await find(file);
    if (object === undefined) return !(await pause(retryMs));
    try {
      const lease = await acquire(object);
      if (lease === undefined) {
        log.warn({ path: object.path }, "no room in the cache to fetch an image file ahead of need");
        return true;
      }
      return await complete(lease);
    } catch (error) {
      if (stopping.signal.aborted) return false;
      log.warn({ path: object.path, err: error }, "an image file cannot be fetched ahead of need");
      await pause(retryMs);
      return false;
    }
  }

  /** Gives way to clients that wait for something else. */
  async function complete(lease: Lease): Promise<boolean> {
    const giveWay = setInterval(() => {
      if (stopping.signal.aborted || (isBusy() && lease.isAlone)) lease.cached.pause();
    }, lookMs);
    try {
      await lease.cached.complete();
      return true;
    } catch (error) {
      if (error instanceof ImageError && error.code === "closed") return false;
      throw error;
    } finally {
      clearInterval(giveWay);
      lease.release();
    }
  }

  /** Whether it was waited out. */
  async function pause(ms: number): Promise<boolean> {
    return sleep(ms, true, { signal: stopping.signal, ref: false }).catch(() => false);
  }

  return {
    want(files) {
      wanted = files;
      for (const sha256 of done) if (!files.some((file) => file.sha256 === sha256)) done.delete(sha256);
      if (stopping.signal.aborted) return;
      running ??= run().finally(() => (running = undefined));
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
