import { IMAGE_CHUNK_BYTES } from "../../core/relay-protocol/image-manifest.ts";
import { ImageError } from "./errors.ts";
import { countChunks, type ImageObject } from "./image-object.ts";
import type { ReceivedChunk, Receiver } from "./receive.ts";

/** A reader's own way to the origin, where the disk is of no use: one verified chunk in memory. */
export type UncachedReader = {
  /** As `CachedObject.read`. @throws ImageError */
  read(into: Uint8Array, position: number, last: number): Promise<number>;
  close(): void;
};

/** Creates a reader of one object; reading forwards takes one connection. */
export function createUncachedReader(
  object: ImageObject,
  hashes: readonly string[],
  receiver: Receiver,
): UncachedReader {
  const stopping = new AbortController();
  let chunks: AsyncGenerator<ReceivedChunk, void> | undefined;
  let held: ReceivedChunk | undefined;

  async function load(chunk: number): Promise<ReceivedChunk> {
    if (held?.chunk === chunk) return held;
    if (chunks === undefined || held?.chunk !== chunk - 1) {
      await chunks?.return();
      const count = countChunks(object.sizeBytes);
      chunks = receiver.chunks(object, hashes, chunk, count, stopping.signal);
    }
    // What is in the buffer is about to be replaced.
    held = undefined;
    const { value } = await chunks.next();
    if (value === undefined) throw new ImageError("closed", "the reader was closed");
    held = value;
    return value;
  }

  return {
    async read(into, position, last) {
      const chunk = Math.floor(position / IMAGE_CHUNK_BYTES);
      const { bytes } = await load(chunk);
      const offset = position - chunk * IMAGE_CHUNK_BYTES;
      const length = Math.min(into.length, bytes.length - offset, last + 1 - position);
      into.set(bytes.subarray(offset, offset + length));
      return length;
    },
    close: () => stopping.abort(),
  };
}
