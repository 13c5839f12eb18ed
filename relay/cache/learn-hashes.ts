import { createHash } from "node:crypto";
import { open, unlink } from "node:fs/promises";

import { IMAGE_CHUNK_BYTES } from "../../core/relay-protocol/image-manifest.ts";
import { commitDraft, writeExactly, type ObjectPaths } from "./chunk-file.ts";
import { onDisk } from "./errors.ts";
import type { ImageObject } from "./image-object.ts";
import { hashOf, type Receiver } from "./receive.ts";

/**
 * Learns the hashes of an object's chunks where the manifest has only that of
 * the whole: from the file that is here, else by downloading it. Until then no
 * byte of it can be trusted; afterwards all of it is on the disk.
 *
 * @throws ImageError, CacheDiskError
 */
export async function learnHashes(
  object: ImageObject,
  paths: ObjectPaths,
  receiver: Receiver,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { path, draftPath } = paths;
  const found = await onDisk(`cannot read ${path}`, () => hashFile(object, path));
  if (found !== undefined) return found;
  const draft = await onDisk(`cannot open ${draftPath}`, () => open(draftPath, "w", 0o600));
  try {
    const hashes = await receiver.learn(
      object,
      ({ chunk, bytes }) =>
        onDisk(`cannot write ${draftPath}`, () => writeExactly(draft, bytes, chunk * IMAGE_CHUNK_BYTES)),
      signal,
    );
    await onDisk(`cannot commit ${path}`, () => commitDraft(draft, paths));
    return hashes;
  } finally {
    await draft.close();
  }
}

/** `undefined` where there is none, or it is not what it should be: then it goes. */
async function hashFile(object: ImageObject, path: string): Promise<string[] | undefined> {
  let file;
  try {
    file = await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const whole = createHash("sha256");
  const hashes: string[] = [];
  try {
    const buffer = Buffer.allocUnsafeSlow(IMAGE_CHUNK_BYTES);
    for (let position = 0; position < object.sizeBytes;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) break;
      const bytes = buffer.subarray(0, bytesRead);
      whole.update(bytes);
      hashes.push(await hashOf(bytes));
      position += bytesRead;
    }
  } finally {
    await file.close();
  }
  if (whole.digest("hex") === object.sha256) return hashes;
  await unlink(path);
  return undefined;
}
