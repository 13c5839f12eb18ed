import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { IMAGE_CHUNK_BYTES } from "../../core/relay-protocol/image-manifest.ts";
import { ImageError } from "./errors.ts";
import { countChunks, endOfChunk, type ImageObject } from "./image-object.ts";
import type { Origin } from "./origin.ts";
import type { Throttle } from "./throttle.ts";

export type ReceiveOptions = {
  readonly origin: Origin;
  readonly throttle: Throttle;
  /** Told the bytes as they arrive, before they are verified. */
  readonly onBytes: (count: number) => void;
  /** Told of whatever the origin sent that is not what the manifest says. */
  readonly onMismatch: () => void;
  /** Told why a connection or a chunk was not good; it is tried again. */
  readonly onRetry: (object: ImageObject, reason: string) => void;
  /** Without a byte for so long, the origin counts as unavailable. */
  readonly patienceMs?: number;
  /** In [0, 1). */
  readonly random?: () => number;
};

/** A chunk that is what the manifest says. `bytes` are good until the next one is asked for. */
export type ReceivedChunk = { readonly chunk: number; readonly bytes: Uint8Array<ArrayBuffer> };

/** Downloads from an origin that may break off, stall or lie. */
export type Receiver = {
  /**
   * Downloads chunks `first` to `end` (exclusive), each verified; one that is
   * not what it should be is fetched once more.
   *
   * @throws ImageError
   */
  chunks(
    object: ImageObject,
    hashes: readonly string[],
    first: number,
    end: number,
    signal: AbortSignal,
  ): AsyncGenerator<ReceivedChunk, void>;
  /**
   * Downloads a whole file of which only the whole's hash is known, and tells
   * the hashes of its chunks once that is right. Its bytes pass by `onChunk`
   * unverified. A file that is not what it should be is fetched once more.
   *
   * @throws ImageError; what `onChunk` throws
   */
  learn(
    object: ImageObject,
    onChunk: (chunk: ReceivedChunk) => Promise<void>,
    signal: AbortSignal,
  ): Promise<readonly string[]>;
};

const PATIENCE_MS = 30_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;

/** Creates the receiver: it resumes by Range what breaks off, with growing pauses. */
export function createReceiver({
  origin,
  throttle,
  onBytes,
  onMismatch,
  onRetry,
  patienceMs = PATIENCE_MS,
  random = Math.random,
}: ReceiveOptions): Receiver {
  /** Bytes `start` to `end`, through as many connections as it takes. */
  async function* bytes(
    object: ImageObject,
    start: number,
    end: number,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void> {
    let position = start;
    let failures = 0;
    let refusals = 0;
    let progressAt = performance.now();
    while (position < end) {
      try {
        const response = await origin.open(object, position, end, signal);
        for await (const piece of response as AsyncIterable<Buffer>) {
          await throttle(piece.length, signal);
          progressAt = performance.now();
          failures = 0;
          onBytes(piece.length);
          if (piece.length > end - position) throw new ImageError("rejected", "the origin sent too much");
          position += piece.length;
          yield piece;
        }
        if (position < end) throw new Error("the origin ended the file before its end");
      } catch (error) {
        if (signal.aborted) throw new ImageError("closed", "nobody waits for it any more");
        const given = asImageError(error);
        if (given.code === "rejected") onMismatch();
        if (given.code === "rejected" && ++refusals > 1) throw given;
        const isLate = performance.now() - progressAt >= patienceMs;
        if (given.code === "gone" || isLate) throw given;
        onRetry(object, given.message);
        await pause(failures++, signal);
      }
    }
  }

  /** 50 % to 100 % of 0.1, 0.2, 0.4 … 5 seconds. */
  async function pause(failures: number, signal: AbortSignal): Promise<void> {
    const ms = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS) * (0.5 + random() / 2);
    try {
      await sleep(ms, undefined, { signal });
    } catch {
      throw new ImageError("closed", "nobody waits for it any more");
    }
  }

  /** Bytes gathered to chunks, unverified. */
  async function* gather(
    object: ImageObject,
    first: number,
    end: number,
    signal: AbortSignal,
  ): AsyncGenerator<ReceivedChunk, void> {
    const start = first * IMAGE_CHUNK_BYTES;
    const stop = endOfChunk(object, end - 1);
    const buffer = Buffer.allocUnsafeSlow(Math.min(IMAGE_CHUNK_BYTES, stop - start));
    let chunk = first;
    let filled = 0;
    for await (const piece of bytes(object, start, stop, signal)) {
      for (let offset = 0; offset < piece.length;) {
        const wanted = endOfChunk(object, chunk) - chunk * IMAGE_CHUNK_BYTES;
        const copied = piece.copy(buffer, filled, offset, offset + wanted - filled);
        offset += copied;
        filled += copied;
        if (filled < wanted) continue;
        yield { chunk, bytes: buffer.subarray(0, filled) };
        chunk++;
        filled = 0;
      }
    }
  }

  return {
    async *chunks(object, hashes, first, end, signal) {
      let next = first;
      let isSecondTry = false;
      while (next < end) {
        for await (const received of gather(object, next, end, signal)) {
          if ((await hashOf(received.bytes)) !== hashes[received.chunk]) {
            const reason = `chunk ${received.chunk} is not what the manifest says`;
            onMismatch();
            if (isSecondTry) throw new ImageError("rejected", reason);
            isSecondTry = true;
            onRetry(object, reason);
            // Leaves the connection, too: what else it brings is as doubtful.
            break;
          }
          isSecondTry = false;
          next = received.chunk + 1;
          yield received;
        }
      }
    },

    async learn(object, onChunk, signal) {
      for (let isSecondTry = false; ; isSecondTry = true) {
        const whole = createHash("sha256");
        const hashes: string[] = [];
        for await (const received of gather(object, 0, countChunks(object.sizeBytes), signal)) {
          whole.update(received.bytes);
          hashes.push(await hashOf(received.bytes));
          await onChunk(received);
        }
        const found = whole.digest("hex");
        if (found === object.sha256) return hashes;
        const reason = `the origin's file has the hash ${found}, not ${object.sha256}`;
        onMismatch();
        if (isSecondTry) throw new ImageError("rejected", reason);
        onRetry(object, reason);
      }
    },
  };
}

/** SHA-256, hexadecimal; computed beside the event loop. */
export async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Buffer.from(digest).toString("hex");
}

function asImageError(error: unknown): ImageError {
  if (error instanceof ImageError) return error;
  const { message, name } = error as Error;
  return new ImageError("unavailable", `the origin cannot be reached: ${message || name}`, { cause: error });
}
