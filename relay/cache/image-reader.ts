import { CacheDiskError, ImageError } from "./errors.ts";
import { knownChunks, type ImageObject } from "./image-object.ts";
import type { Lease } from "./open-objects.ts";
import type { Receiver } from "./receive.ts";
import { createUncachedReader, type UncachedReader } from "./uncached-object.ts";

/** Where a reader's bytes come from: whole on the disk, on their way to it, or past it. */
export type ImageSource = "cache" | "fill" | "origin";

/** Reads one object for one client. */
export type ImageReader = {
  readonly object: ImageObject;
  /** Known once something was read. */
  readonly source: ImageSource | undefined;
  /**
   * Reads verified bytes from `position` on, as soon as there are any: at least
   * one, at most `into.length`, and none behind `last`. One read at a time.
   *
   * @param last the last byte that will be wanted: so much is asked of the origin
   * @returns how many
   * @throws ImageError
   */
  read(into: Uint8Array, position: number, last: number): Promise<number>;
  /** Also ends a read that waits. */
  close(): void;
};

type ImageReaderOptions = {
  readonly object: ImageObject;
  readonly receiver: Receiver;
  /** @returns `undefined` where the cache has no place for the object */
  readonly acquire: () => Promise<Lease | undefined>;
  readonly onDiskError: (object: ImageObject, error: CacheDiskError) => void;
  readonly onSource: (source: ImageSource) => void;
  readonly onClosed: (source: ImageSource | undefined) => void;
  readonly onServed: (bytes: number) => void;
  readonly onRejected: (reason: string) => void;
};

/** Opens a reader; a disk that fails under it is done without, from the byte on where it failed. */
export function openImageReader(options: ImageReaderOptions): ImageReader {
  const { object, receiver, acquire, onDiskError } = options;
  let isClosed = false;
  /** Ends the read that waits. */
  let interrupt: ((reason: ImageError) => void) | undefined;
  let learning: AbortController | undefined;
  let source: ImageSource | undefined;
  let lease: Lease | undefined;
  let uncached: UncachedReader | undefined;

  function note(from: ImageSource): void {
    if (source === undefined) options.onSource(from);
    source ??= from;
  }

  /** What it is read from; opened at the first read. */
  async function opened(): Promise<Pick<UncachedReader, "read">> {
    if (uncached !== undefined) return uncached;
    if (lease !== undefined) return lease.cached;
    const acquired = await acquire();
    if (isClosed) {
      acquired?.release();
      throw closedError();
    }
    if (acquired === undefined) return openUncached();
    lease = acquired;
    note(lease.cached.isWhole ? "cache" : "fill");
    return lease.cached;
  }

  async function openUncached(): Promise<UncachedReader> {
    note("origin");
    learning = new AbortController();
    const hashes =
      knownChunks(object) ?? (await receiver.learn(object, async () => undefined, learning.signal));
    uncached = createUncachedReader(object, hashes, receiver);
    if (isClosed) uncached.close();
    return uncached;
  }

  async function readOnce(into: Uint8Array, position: number, last: number): Promise<number> {
    try {
      return await (await opened()).read(into, position, last);
    } catch (error) {
      if (error instanceof ImageError && error.code === "rejected") options.onRejected(error.message);
      if (!(error instanceof CacheDiskError)) throw error;
      onDiskError(object, error);
      lease?.abandon();
      lease?.release();
      lease = undefined;
      if (isClosed) throw closedError();
      return (await openUncached()).read(into, position, last);
    }
  }

  return {
    object,
    get source() {
      return source;
    },
    async read(into, position, last) {
      if (isClosed) throw closedError();
      const closed = Promise.withResolvers<never>();
      interrupt = closed.reject;
      const length = await Promise.race([readOnce(into, position, last), closed.promise]);
      interrupt = undefined;
      options.onServed(length);
      return length;
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      interrupt?.(closedError());
      learning?.abort();
      lease?.release();
      uncached?.close();
      options.onClosed(source);
    },
  };
}

function closedError(): ImageError {
  return new ImageError("closed", "the reader was closed");
}
