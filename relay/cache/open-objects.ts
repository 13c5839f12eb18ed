import { openChunkFile } from "./chunk-file.ts";
import { createCachedObject, type CachedObject } from "./cached-object.ts";
import { CacheDiskError, isDiskFull } from "./errors.ts";
import { knownChunks, type ImageObject } from "./image-object.ts";
import { learnHashes } from "./learn-hashes.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Receiver } from "./receive.ts";
import type { Semaphore } from "./semaphore.ts";

/** An object in use; many may use one. */
export type Lease = {
  readonly cached: CachedObject;
  /** Whether nobody else uses it. */
  readonly isAlone: boolean;
  release(): void;
  /** Says that the disk failed under it: the object is dropped, and opened anew next time. */
  abandon(): void;
};

/** The objects that are in use, each opened once. */
export type OpenObjects = {
  /**
   * @returns `undefined` where there is no room for it
   * @throws CacheDiskError; ImageError, where its hashes have to be learnt first
   */
  acquire(object: ImageObject): Promise<Lease | undefined>;
  /** What is held in memory of an object that is open; counts as a use of it. */
  contentOf(object: ImageObject): Uint8Array | undefined;
  close(): Promise<void>;
};

export type OpenObjectsOptions = {
  readonly store: ObjectStore;
  readonly receiver: Receiver;
  readonly semaphore: Semaphore;
  readonly onFilling: (object: ImageObject) => void;
  readonly onWhole: (object: ImageObject, durationMs: number) => void;
  readonly onDiskError: (object: ImageObject, error: unknown) => void;
  /** How long a download goes on that nobody waits for. */
  readonly lingerMs?: number;
};

type Entry = {
  readonly object: ImageObject;
  readonly opening: Promise<CachedObject | undefined>;
  readonly stopping: AbortController;
  opened: CachedObject | undefined;
  users: number;
  linger: NodeJS.Timeout | undefined;
  isBroken: boolean;
};

/** A client that asks range by range is back by then. */
const LINGER_MS = 10_000;
/** Kept open after use. */
const MAX_IDLE = 64;
/** Objects whose learnt hashes are remembered. */
const MAX_LEARNT = 128;
/** Freed at a time when the disk is full before the cache's limit is reached. */
const FREE_BYTES = 256 * 1024 * 1024;

export function createOpenObjects(options: OpenObjectsOptions): OpenObjects {
  const { store, receiver, semaphore, onFilling, onWhole, onDiskError, lingerMs = LINGER_MS } = options;
  /** By hash; those idle for longest first. */
  const entries = new Map<string, Entry>();
  /** By hash: not to be opened before they are closed. */
  const closing = new Map<string, Promise<void>>();
  const learnt = new Map<string, readonly string[]>();

  function begin(object: ImageObject): Entry {
    const stopping = new AbortController();
    const opening = openObject(object, stopping.signal);
    const entry: Entry = {
      object,
      opening,
      stopping,
      opened: undefined,
      users: 0,
      linger: undefined,
      isBroken: false,
    };
    entries.set(object.sha256, entry);
    const forget = (): void => {
      if (entries.get(object.sha256) === entry) entries.delete(object.sha256);
    };
    // Who waits for it is told; the next one tries again.
    opening.then((cached) => (cached === undefined ? forget() : (entry.opened = cached)), forget);
    return entry;
  }

  async function openObject(object: ImageObject, signal: AbortSignal): Promise<CachedObject | undefined> {
    const startedAt = performance.now();
    await closing.get(object.sha256);
    const paths = await holdWithRoom(object);
    if (paths === undefined) return undefined;
    try {
      const hashes = await hashesOf(object, () =>
        semaphore.use(signal, () => learnHashes(object, paths, receiver, signal)),
      );
      const file = await openChunkFile(object, hashes, paths);
      if (!file.isCommitted) onFilling(object);
      return createCachedObject({
        ...{ object, hashes, file, receiver, semaphore },
        async keep(chunk, bytes) {
          try {
            await file.store(chunk, bytes);
          } catch (error) {
            if (!isDiskFull(error) || !(await store.free(FREE_BYTES))) throw error;
            await file.store(chunk, bytes);
          }
        },
        onWhole: () => onWhole(object, performance.now() - startedAt),
        onNotKept: (error) => onDiskError(object, error),
      });
    } catch (error) {
      await store.release(object.sha256);
      throw error;
    }
  }

  async function holdWithRoom({ sha256, sizeBytes }: ImageObject): ReturnType<ObjectStore["hold"]> {
    for (;;) {
      const paths = await store.hold(sha256, sizeBytes);
      // What is open without being used may go, too: the one idle for longest first.
      if (paths !== undefined || !(await closeIdle(1, 0))) return paths;
    }
  }

  async function hashesOf(
    object: ImageObject,
    learn: () => Promise<readonly string[]>,
  ): Promise<readonly string[]> {
    const known = knownChunks(object) ?? learnt.get(object.sha256);
    if (known !== undefined) return known;
    const hashes = await learn();
    learnt.set(object.sha256, hashes);
    if (learnt.size > MAX_LEARNT) learnt.delete(learnt.keys().next().value!);
    return hashes;
  }

  function release(entry: Entry): void {
    if (--entry.users > 0) return;
    if (entry.isBroken) return void close(entry);
    entry.linger = setTimeout(() => {
      void entry.opening.then((cached) => cached?.pause()).catch(() => undefined);
    }, lingerMs);
    entry.linger.unref();
    markUsed(entry);
    if (entries.size > MAX_IDLE) void closeIdle(Infinity, MAX_IDLE);
  }

  /** To the end: those idle for longest go first. */
  function markUsed(entry: Entry): void {
    if (entries.delete(entry.object.sha256)) entries.set(entry.object.sha256, entry);
  }

  /** Closes at most `count` idle ones, and leaves `keep`; resolves to whether there were any. */
  async function closeIdle(count: number, keep: number): Promise<boolean> {
    const idle = [...entries.values()].filter(({ users }) => users === 0);
    const surplus = idle.slice(0, Math.min(count, Math.max(0, idle.length - keep)));
    for (const { object } of surplus) entries.delete(object.sha256);
    await Promise.all(surplus.map(close));
    return surplus.length > 0;
  }

  /** Closes one that is no longer among the entries. */
  function close(entry: Entry): Promise<void> {
    const { sha256 } = entry.object;
    const ended = closeNow(entry).finally(() => {
      if (closing.get(sha256) === ended) closing.delete(sha256);
    });
    closing.set(sha256, ended);
    return ended;
  }

  async function closeNow({ object, opening, stopping, linger, isBroken }: Entry): Promise<void> {
    clearTimeout(linger);
    stopping.abort();
    try {
      const cached = await opening;
      if (cached === undefined) return;
      try {
        await cached.close();
      } finally {
        await store.release(object.sha256);
      }
      if (isBroken) await store.discard(object.sha256);
    } catch (error) {
      // Why it could not be opened was told to who asked for it.
      if (error instanceof CacheDiskError) onDiskError(object, error);
    }
  }

  return {
    async acquire(object) {
      const entry = entries.get(object.sha256) ?? begin(object);
      entry.users++;
      clearTimeout(entry.linger);
      let isReleased = false;
      const releaseOnce = (): void => {
        if (!isReleased) release(entry);
        isReleased = true;
      };
      try {
        const cached = await entry.opening;
        if (cached === undefined) {
          releaseOnce();
          return undefined;
        }
        return {
          cached,
          get isAlone() {
            return entry.users === 1;
          },
          release: releaseOnce,
          abandon() {
            entry.isBroken = true;
            if (entries.get(object.sha256) === entry) entries.delete(object.sha256);
          },
        };
      } catch (error) {
        releaseOnce();
        throw error;
      }
    },
    contentOf({ sha256 }) {
      const entry = entries.get(sha256);
      const content = entry?.opened?.content;
      if (entry !== undefined && content !== undefined) markUsed(entry);
      return content;
    },
    async close() {
      const all = [...entries.values()];
      entries.clear();
      await Promise.all(all.map(close));
    },
  };
}
