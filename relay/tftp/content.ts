import type { FileHandle } from "node:fs/promises";

/** The bytes of one transfer, read forwards and, within a window, again. */
export type Content = {
  readonly sizeBytes: number;
  /**
   * Makes the bytes from `start` to `end` ready for `copy`; a promise only
   * where the disk must be waited for. What lies before `start` may be let go.
   */
  load(start: number, end: number): Promise<void> | undefined;
  /** Copies loaded bytes to `target` at `at`. */
  copy(start: number, end: number, target: Uint8Array, at: number): void;
  close(): Promise<void>;
};

/** Content that is in memory as a whole. */
export function memoryContent(bytes: Uint8Array): Content {
  return {
    sizeBytes: bytes.length,
    load: () => undefined,
    copy: (start, end, target, at) => target.set(bytes.subarray(start, end), at),
    close: async () => undefined,
  };
}

/** Read at a time, and ahead. */
const CHUNK_BYTES = 128 * 1024;

/**
 * Content of an open file, in chunks: those of the window, and the next one,
 * which is read while the window is on the wire. Closes `handle`.
 */
export function streamedContent(handle: FileHandle, sizeBytes: number): Content {
  const chunkCount = Math.ceil(sizeBytes / CHUNK_BYTES);
  const chunks = new Map<number, Uint8Array | Promise<Uint8Array>>();

  function fetch(index: number): Uint8Array | Promise<Uint8Array> {
    const held = chunks.get(index);
    if (held !== undefined) return held;
    const reading = readChunk(handle, index * CHUNK_BYTES, Math.min(sizeBytes, (index + 1) * CHUNK_BYTES));
    chunks.set(index, reading);
    reading.then(
      (bytes) => chunks.has(index) && chunks.set(index, bytes),
      // The failure is told by `load`, which awaits the same promise when its turn comes.
      () => undefined,
    );
    return reading;
  }

  return {
    sizeBytes,
    load(start, end) {
      const first = Math.floor(start / CHUNK_BYTES);
      const last = Math.max(first, Math.ceil(end / CHUNK_BYTES) - 1);
      for (const index of chunks.keys()) if (index < first) chunks.delete(index);
      const waiting: Promise<Uint8Array>[] = [];
      // The one after the last is read ahead, not waited for.
      for (let index = first; index <= last + 1 && index < chunkCount; index++) {
        const chunk = fetch(index);
        if (chunk instanceof Promise && index <= last) waiting.push(chunk);
      }
      return waiting.length === 0 ? undefined : Promise.all(waiting).then(() => undefined);
    },
    copy(start, end, target, at) {
      for (let from = start; from < end;) {
        const index = Math.floor(from / CHUNK_BYTES);
        const chunk = chunks.get(index);
        if (!(chunk instanceof Uint8Array)) throw new Error(`chunk ${index} is not loaded`);
        const to = Math.min(end, (index + 1) * CHUNK_BYTES);
        target.set(chunk.subarray(from - index * CHUNK_BYTES, to - index * CHUNK_BYTES), at + from - start);
        from = to;
      }
    },
    close: () => handle.close(),
  };
}

async function readChunk(handle: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  for (let filled = 0; filled < bytes.length;) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) throw new Error("the file became shorter while it was being sent");
    filled += bytesRead;
  }
  return bytes;
}
