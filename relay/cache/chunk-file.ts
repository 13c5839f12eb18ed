import { constants } from "node:fs";
import { open, rename, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

import { IMAGE_CHUNK_BYTES } from "../../core/relay-protocol/image-manifest.ts";
import { CacheDiskError, onDisk } from "./errors.ts";
import { countChunks, endOfChunk, type ImageObject } from "./image-object.ts";
import { hashOf } from "./receive.ts";

/** Where an object lies: `path` once all of it is there and on the disk, `draftPath` before. */
export type ObjectPaths = { readonly path: string; readonly draftPath: string };

/**
 * One object on the disk, chunk by chunk:
 * - missing: not there
 * - unverified: left by an earlier run; verified when it is first asked for, so
 *   that neither a power cut nor a rotten disk can make us send a wrong byte
 * - verified: as the manifest says, this run has seen it
 */
export type ChunkFile = {
  /** Whether all chunks are verified. */
  readonly isWhole: boolean;
  /** Whether it has its name: it was whole once. */
  readonly isCommitted: boolean;
  isVerified(chunk: number): boolean;
  /** Whether a chunk is there, verified or not. */
  isPresent(chunk: number): boolean;
  /** Verifies a chunk that is there; resolves to whether it is good, else it is missing from now on. */
  verify(chunk: number): Promise<boolean>;
  /** Keeps a chunk that was verified. @throws CacheDiskError */
  store(chunk: number, bytes: Uint8Array): Promise<void>;
  /** Reads verified bytes: as many as asked for. @throws CacheDiskError */
  read(into: Uint8Array, length: number, position: number): Promise<void>;
  /** Makes a whole object durable and gives it its name. @throws CacheDiskError */
  commit(): Promise<void>;
  close(): Promise<void>;
};

const MISSING = 0;
const UNVERIFIED = 1;
const VERIFIED = 2;

/**
 * Opens an object, or begins it.
 *
 * @param hashes of its chunks
 * @throws CacheDiskError
 */
export async function openChunkFile(
  object: ImageObject,
  hashes: readonly string[],
  { path, draftPath }: ObjectPaths,
): Promise<ChunkFile> {
  const { handle, isCommitted } = await openEither(path, draftPath);
  const states = new Uint8Array(countChunks(object.sizeBytes));
  let unverified = states.length;
  let committed = isCommitted;
  const verifying = new Map<number, Promise<boolean>>();

  const { size } = await onDisk(`cannot look at ${path}`, () => handle.stat());
  for (let chunk = 0; chunk < states.length; chunk++) {
    if (endOfChunk(object, chunk) <= size) states[chunk] = UNVERIFIED;
  }

  function mark(chunk: number, state: number): void {
    if (state === VERIFIED && states[chunk] !== VERIFIED) unverified--;
    states[chunk] = state;
  }

  async function readExactly(into: Uint8Array, length: number, position: number): Promise<void> {
    for (let filled = 0; filled < length;) {
      const { bytesRead } = await handle.read(into, filled, length - filled, position + filled);
      if (bytesRead === 0) throw new Error("it ends before its end");
      filled += bytesRead;
    }
  }

  async function verifyOnce(chunk: number): Promise<boolean> {
    const start = chunk * IMAGE_CHUNK_BYTES;
    const bytes = Buffer.allocUnsafeSlow(endOfChunk(object, chunk) - start);
    await onDisk(`cannot read ${path}`, () => readExactly(bytes, bytes.length, start));
    const isGood = (await hashOf(bytes)) === hashes[chunk];
    // It may have been fetched meanwhile.
    if (states[chunk] === UNVERIFIED) mark(chunk, isGood ? VERIFIED : MISSING);
    return states[chunk] === VERIFIED;
  }

  return {
    get isWhole() {
      return unverified === 0;
    },
    get isCommitted() {
      return committed;
    },
    isVerified: (chunk) => states[chunk] === VERIFIED,
    isPresent: (chunk) => states[chunk] !== MISSING,
    async verify(chunk) {
      if (states[chunk] !== UNVERIFIED) return states[chunk] === VERIFIED;
      const running = verifying.get(chunk) ?? verifyOnce(chunk).finally(() => verifying.delete(chunk));
      verifying.set(chunk, running);
      return running;
    },
    async store(chunk, bytes) {
      await onDisk(`cannot write ${draftPath}`, () => writeExactly(handle, bytes, chunk * IMAGE_CHUNK_BYTES));
      mark(chunk, VERIFIED);
    },
    read: (into, length, position) =>
      onDisk(`cannot read ${path}`, () => readExactly(into, length, position)),
    async commit() {
      if (committed) return;
      await onDisk(`cannot commit ${path}`, async () => {
        // Nothing of an older, longer draft behind it.
        await handle.truncate(object.sizeBytes);
        await commitDraft(handle, { path, draftPath });
      });
      committed = true;
    },
    close: () => onDisk(`cannot close ${path}`, () => handle.close()),
  };
}

async function openEither(
  path: string,
  draftPath: string,
): Promise<{ handle: FileHandle; isCommitted: boolean }> {
  try {
    return { handle: await open(path, "r+"), isCommitted: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      throw new CacheDiskError(`cannot open ${path}: ${(error as Error).message}`, { cause: error });
    }
  }
  const handle = await onDisk(`cannot open ${draftPath}`, () =>
    open(draftPath, constants.O_RDWR | constants.O_CREAT, 0o600),
  );
  return { handle, isCommitted: false };
}

export async function writeExactly(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

/** Makes a draft durable, then gives it its name. */
export async function commitDraft(draft: FileHandle, { path, draftPath }: ObjectPaths): Promise<void> {
  await draft.sync();
  await rename(draftPath, path);
  // The rename itself lives in the folder.
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
