import { IMAGE_CHUNK_BYTES } from "../../core/relay-protocol/image-manifest.ts";
import type { ChunkFile } from "./chunk-file.ts";
import { createFill } from "./fill.ts";
import { endOfChunk, type ImageObject } from "./image-object.ts";
import type { Receiver } from "./receive.ts";
import type { Semaphore } from "./semaphore.ts";

/** An object of the cache, whole or being filled. */
export type CachedObject = {
  /** All of it is here. */
  readonly isWhole: boolean;
  /** All of it, verified, where it is small enough to be held and was read before. */
  readonly content: Uint8Array | undefined;
  /**
   * Reads bytes from `position` on, and waits for them where they are not here
   * yet: at least one, at most `into.length` and none behind `last`.
   *
   * @returns how many
   * @throws ImageError, CacheDiskError
   */
  read(into: Uint8Array, position: number, last: number): Promise<number>;
  /** Brings what is missing. @throws ImageError, CacheDiskError */
  complete(): Promise<void>;
  /** Breaks off the download under way. */
  pause(): void;
  close(): Promise<void>;
};

export type CachedObjectOptions = {
  readonly object: ImageObject;
  readonly hashes: readonly string[];
  readonly file: ChunkFile;
  /** Keeps a verified chunk in the file. @throws CacheDiskError */
  readonly keep: ChunkFile["store"];
  readonly receiver: Receiver;
  readonly semaphore: Semaphore;
  /** Told once, when the last chunk has come and all is durable. */
  readonly onWhole: () => void;
  /** Told why all is here and not durable: it is served, and may be gone after a restart. */
  readonly onNotKept: (error: unknown) => void;
};

/** Wires an object's file to what fills it. */
export function createCachedObject(options: CachedObjectOptions): CachedObject {
  const { object, file, onWhole, onNotKept } = options;
  const fill = createFill({ ...options, onStored: commitIfWhole });
  const lastChunk = options.hashes.length - 1;
  let committing: Promise<void> | undefined;
  let content: Uint8Array | undefined;

  async function require(chunk: number, last: number): Promise<void> {
    if (file.isVerified(chunk)) return;
    if (await file.verify(chunk)) commitIfWhole();
    else await fill.need(chunk, last);
  }

  /** What came in may be the last that was missing. */
  function commitIfWhole(): void {
    if (file.isWhole && !file.isCommitted) committing ??= file.commit().then(onWhole, onNotKept);
  }

  /** One small enough to be held is read once. */
  async function readSmall(into: Uint8Array, position: number, length: number): Promise<void> {
    if (content === undefined) {
      const bytes = Buffer.allocUnsafeSlow(object.sizeBytes);
      await file.read(bytes, bytes.length, 0);
      content = bytes;
    }
    into.set(content.subarray(position, position + length));
  }

  return {
    get isWhole() {
      return file.isWhole || file.isCommitted;
    },
    get content() {
      return content;
    },
    async read(into, position, last) {
      const chunk = Math.floor(position / IMAGE_CHUNK_BYTES);
      await require(chunk, Math.floor(last / IMAGE_CHUNK_BYTES));
      let end = chunk;
      const limit = Math.min(position + into.length, last + 1);
      while (endOfChunk(object, end) < limit && file.isVerified(end + 1)) end++;
      const length = Math.min(limit, endOfChunk(object, end)) - position;
      if (object.sizeBytes <= HELD_BYTES) await readSmall(into, position, length);
      else await file.read(into, length, position);
      return length;
    },
    async complete() {
      if (file.isCommitted) return;
      for (let chunk = 0; chunk <= lastChunk; chunk++) await require(chunk, lastChunk);
      await committing;
    },
    pause: () => fill.stop(),
    async close() {
      fill.stop();
      await committing;
      await file.close();
    },
  };
}

/** Objects up to this size stay in memory while they are open. */
const HELD_BYTES = 64 * 1024;
