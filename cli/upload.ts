import { createHash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import { ApiError, type ApiClient } from "./api-client.ts";

/** R2 takes parts of at least 5 MiB, all of one size but for the last one. */
const PART_BYTES = 8 << 20;

type Part = { readonly part: number; readonly etag: string; readonly sizeBytes: number };

/**
 * Uploads a file of an image; resolves to its hash. An upload of this file that
 * broke off goes on where it was. The control plane reads the whole back and
 * compares the hash, so that parts of another file cannot slip in: then the
 * upload is made once more, from its beginning.
 *
 * @param onProgress told how many bytes have arrived
 * @throws ApiError
 */
export async function uploadFile(
  api: ApiClient,
  { image, path, file }: { image: string; path: string; file: string },
  onProgress: (arrivedBytes: number) => void = () => undefined,
): Promise<{ sha256: string; sizeBytes: number }> {
  const base = `/images/${image}/files/${path}`;
  const handle = await open(file);
  try {
    const { items } = await api.request("GET", base);
    const interrupted = items[0]?.uploadId as string | undefined;
    if (interrupted !== undefined) {
      try {
        return await sendParts(api, `${base}?uploadId=${interrupted}`, handle, onProgress);
      } catch (error) {
        // Another file was on its way under this name, or the upload has ended meanwhile.
        if (!(error instanceof ApiError) || (error.status !== 422 && error.status !== 404)) throw error;
      }
    }
    const { uploadId } = await api.request("POST", `${base}?uploads`);
    return await sendParts(api, `${base}?uploadId=${uploadId}`, handle, onProgress);
  } finally {
    await handle.close();
  }
}

/** Sends the parts that have not arrived, in order, and completes the upload. */
async function sendParts(
  api: ApiClient,
  upload: string,
  handle: FileHandle,
  onProgress: (arrivedBytes: number) => void,
): Promise<{ sha256: string; sizeBytes: number }> {
  const arrived = new Map<number, Part>();
  for (const part of (await api.request("GET", upload)).parts as Part[]) arrived.set(part.part, part);
  const hash = createHash("sha256");
  const parts: { part: number; etag: string }[] = [];
  let position = 0;
  for (;;) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(PART_BYTES), 0, PART_BYTES, position);
    // An empty file is one empty part.
    if (bytesRead === 0 && parts.length > 0) break;
    const bytes = buffer.subarray(0, bytesRead);
    hash.update(bytes);
    const number = parts.length + 1;
    const kept = arrived.get(number);
    if (kept?.sizeBytes === bytesRead) parts.push({ part: number, etag: kept.etag });
    else parts.push(await api.send("PUT", `${upload}&part=${number}`, bytes));
    position += bytesRead;
    onProgress(position);
    if (bytesRead < PART_BYTES) break;
  }
  const sha256 = hash.digest("hex");
  await api.request("POST", upload, { sha256, parts });
  return { sha256, sizeBytes: position };
}
