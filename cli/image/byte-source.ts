import { open } from "node:fs/promises";

/** Bytes of known number that can be read anywhere: a file, a part of one, or several in a row. */
export type ByteSource = {
  readonly sizeBytes: number;
  /** Resolves to `length` bytes from `position`, or to fewer at the end. */
  read(position: number, length: number): Promise<Buffer>;
};

/** A file on disk, open until `close`. */
export type FileSource = ByteSource & { close(): Promise<void> };

/** @throws what node:fs throws */
export async function openFileSource(path: string): Promise<FileSource> {
  const handle = await open(path);
  const { size } = await handle.stat();
  return {
    sizeBytes: size,
    async read(position, length) {
      const buffer = Buffer.alloc(Math.max(0, Math.min(length, size - position)));
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    },
    close: () => handle.close(),
  };
}

export function bytesSource(bytes: Buffer): ByteSource {
  return {
    sizeBytes: bytes.length,
    read: (position, length) => Promise.resolve(bytes.subarray(position, position + length)),
  };
}

/** A part of another source, which must hold all of it. */
export function sliceSource(source: ByteSource, start: number, sizeBytes: number): ByteSource {
  return {
    sizeBytes,
    read: (position, length) => source.read(start + position, Math.min(length, sizeBytes - position)),
  };
}

/** Sources in a row. */
export function joinSources(parts: readonly ByteSource[]): ByteSource {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  return {
    sizeBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0),
    async read(position, length) {
      const pieces: Buffer[] = [];
      let start = 0;
      for (const part of parts) {
        const from = Math.max(position, start) - start;
        const to = Math.min(position + length, start + part.sizeBytes) - start;
        if (from < to) pieces.push(await part.read(from, to - from));
        start += part.sizeBytes;
      }
      return Buffer.concat(pieces);
    },
  };
}
