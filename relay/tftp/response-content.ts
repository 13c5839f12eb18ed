import type { Readable } from "node:stream";

import type { Content } from "./content.ts";

/** Held beyond what is asked for, so that the wire does not wait for each chunk. */
const READ_AHEAD_BYTES = 256 * 1024;
/** A client that speaks TFTP waits some 30 s: it is told before. */
const STALL_TIMEOUT_MS = 20_000;

/**
 * Content that arrives as a stream and is sent while it does. Held are the
 * window and what was read ahead; the rest waits at the source.
 *
 * @param sizeBytes as announced; a stream that ends before fails the transfer
 */
export function responseContent(body: Readable, sizeBytes: number): Content {
  const chunks: { readonly start: number; readonly bytes: Uint8Array }[] = [];
  const arriving = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let arrived = 0;
  let reading: Promise<number> | undefined;

  /** Returns how much has arrived. */
  async function readChunk(): Promise<number> {
    const timer = setTimeout(() => body.destroy(new Error("nothing came any more")), STALL_TIMEOUT_MS);
    try {
      const { value, done } = await arriving.next();
      if (done === true) throw new Error(`it ended after ${arrived} of ${sizeBytes} bytes`);
      chunks.push({ start: arrived, bytes: value });
      arrived += value.length;
      return arrived;
    } finally {
      clearTimeout(timer);
    }
  }

  /** One chunk at a time, whoever waits for it. A failure stays. */
  function read(): Promise<number> {
    reading ??= readChunk().then((reached) => {
      reading = undefined;
      return reached;
    });
    return reading;
  }

  async function readUntil(end: number): Promise<void> {
    for (let reached = arrived; reached < end;) reached = await read();
  }

  return {
    sizeBytes,
    load(start, end) {
      while (chunks[0] !== undefined && chunks[0].start + chunks[0].bytes.length <= start) chunks.shift();
      if (arrived < end) return readUntil(end);
      if (arrived < Math.min(end + READ_AHEAD_BYTES, sizeBytes)) {
        // What fails is told to who waits for it.
        read().catch(() => undefined);
      }
      return undefined;
    },
    copy(start, end, target, at) {
      for (const chunk of chunks) {
        const from = Math.max(start, chunk.start);
        const to = Math.min(end, chunk.start + chunk.bytes.length);
        if (from >= to) continue;
        target.set(chunk.bytes.subarray(from - chunk.start, to - chunk.start), at + from - start);
      }
    },
    async close() {
      body.destroy();
    },
  };
}
