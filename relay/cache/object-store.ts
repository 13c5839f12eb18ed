import { mkdir, readdir, stat, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";

import type { ObjectPaths } from "./chunk-file.ts";
import { onDisk } from "./errors.ts";

/** Which objects are on the disk, by their hash, within a limit; the least recently used give way. */
export type ObjectStore = {
  /**
   * Makes room for an object and keeps it from being evicted.
   *
   * @returns where it is, or is to be; `undefined` where it does not fit beside what is in use
   */
  hold(sha256: string, sizeBytes: number): Promise<ObjectPaths | undefined>;
  /** Lets an object be evicted again; from now on it counts with what it takes on the disk. */
  release(sha256: string): Promise<void>;
  /** Forgets an object and its bytes, unless it is held. */
  discard(sha256: string): Promise<void>;
  /** Evicts what is not in use until so many bytes are free again; resolves to whether any were. */
  free(bytes: number): Promise<boolean>;
  /** Keeps within another limit from now on: what is too much and not in use gives way. */
  setMaxBytes(maxBytes: number): Promise<void>;
  readonly usage: { readonly objects: number; readonly bytes: number; readonly evictions: number };
};

const DRAFT = ".part";

/**
 * Opens the folder of objects: `SHA256` for a whole one, `SHA256.part` for one
 * that is being filled or was when the relay stopped. The index is what is in
 * the folder; a file's modification time is when it was used last.
 *
 * @throws CacheDiskError
 */
export async function openObjectStore(folder: string, initialMaxBytes: number): Promise<ObjectStore> {
  let maxBytes = initialMaxBytes;
  /** By hash; the order is that of use. */
  const index = new Map<string, { bytes: number; holds: number }>();
  let bytes = 0;
  let evictions = 0;

  await onDisk(`the cache's folder ${folder} cannot be used`, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const [sha256, size] of await scan(folder)) {
      index.set(sha256, { bytes: size, holds: 0 });
      bytes += size;
    }
  });
  await makeRoom();

  let last: Promise<unknown> = Promise.resolve();

  /** One after the other: what is being removed must not be opened. */
  function inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = last.then(run);
    last = turn.catch(() => undefined);
    return turn;
  }

  function pathsOf(sha256: string): ObjectPaths {
    const path = join(folder, sha256);
    return { path, draftPath: path + DRAFT };
  }

  async function evict(sha256: string): Promise<void> {
    bytes -= index.get(sha256)?.bytes ?? 0;
    index.delete(sha256);
    const { path, draftPath } = pathsOf(sha256);
    await onDisk(`cannot remove ${path}`, async () => {
      await removeIfThere(path);
      await removeIfThere(draftPath);
    });
  }

  /** Evicts what is not in use until no more than `limit` bytes are left. */
  async function makeRoom(limit = maxBytes): Promise<void> {
    for (const [sha256, { holds }] of index) {
      if (bytes <= limit) break;
      if (holds > 0) continue;
      evictions++;
      await evict(sha256);
    }
  }

  /** The order of the index is that of use. */
  function use(sha256: string, held: { bytes: number; holds: number }): void {
    index.delete(sha256);
    index.set(sha256, held);
  }

  /** Counts what a held object takes from now on. */
  function account(sha256: string, size: number): void {
    const held = index.get(sha256)!;
    bytes += size - held.bytes;
    held.bytes = size;
  }

  return {
    hold: (sha256, sizeBytes) =>
      inTurn(async () => {
        const held = index.get(sha256) ?? { bytes: 0, holds: 0 };
        const inUse = [...index.values()].reduce((sum, each) => sum + (each.holds > 0 ? each.bytes : 0), 0);
        const more = Math.max(0, sizeBytes - held.bytes);
        if (inUse + (held.holds > 0 ? more : held.bytes + more) > maxBytes) return undefined;
        use(sha256, held);
        held.holds++;
        account(sha256, held.bytes + more);
        try {
          await makeRoom();
        } catch (error) {
          held.holds--;
          throw error;
        }
        return pathsOf(sha256);
      }),
    release: (sha256) =>
      inTurn(async () => {
        const held = index.get(sha256)!;
        use(sha256, held);
        held.holds--;
        if (held.holds > 0) return;
        account(sha256, await touch(pathsOf(sha256)));
        if (held.bytes === 0) index.delete(sha256);
      }),
    discard: (sha256) =>
      inTurn(async () => {
        if (index.get(sha256)?.holds === 0) await evict(sha256);
      }),
    free: (wanted) =>
      inTurn(async () => {
        const before = bytes;
        await makeRoom(before - wanted);
        return bytes < before;
      }),
    setMaxBytes: (next) =>
      inTurn(async () => {
        maxBytes = next;
        await makeRoom();
      }),
    get usage() {
      return { objects: index.size, bytes, evictions };
    },
  };
}

/** Hashes and sizes of what is in the folder, least recently used first. */
async function scan(folder: string): Promise<[sha256: string, bytes: number][]> {
  const found = new Map<string, { bytes: number; usedAt: number }>();
  for (const name of await readdir(folder)) {
    const sha256 = /^([0-9a-f]{64})(?:\.part)?$/.exec(name)?.[1];
    if (sha256 === undefined) continue;
    const { size, mtimeMs } = await stat(join(folder, name));
    const { bytes, usedAt } = found.get(sha256) ?? { bytes: 0, usedAt: 0 };
    found.set(sha256, { bytes: bytes + size, usedAt: Math.max(usedAt, mtimeMs) });
  }
  return [...found].sort(([, a], [, b]) => a.usedAt - b.usedAt).map(([sha256, { bytes }]) => [sha256, bytes]);
}

/** Notes when an object was used; returns what it takes. */
async function touch({ path, draftPath }: ObjectPaths): Promise<number> {
  for (const each of [path, draftPath]) {
    try {
      const now = new Date();
      await utimes(each, now, now);
      return (await stat(each)).size;
    } catch {
      // It is the other one, or a disk that fails: then nothing of it counts.
    }
  }
  return 0;
}

async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch(ignoreMissing);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
