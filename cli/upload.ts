import { createHash } from "node:crypto";
import { ApiError, type ApiClient } from "./api-client.ts";
import { openFileSource, type ByteSource } from "./image/byte-source.ts";

/** R2 takes parts of at least 5 MiB, all of one size but for the last one. */
const PART_BYTES = 8 << 20;

type Part = { readonly part: number; readonly etag: string; readonly sizeBytes: number };

/** Uploads a file on disk as a file of an image, see `uploadSource`. @throws ApiError */
export async function uploadFile(
  api: ApiClient,
  { image, path, file }: { image: string; path: string; file: string },
): Promise<{ sha256: string; sizeBytes: number }> {
  const source = await openFileSource(file);
  try {
    return await uploadSource(api, { image, path, source });
  } finally {
    await source.close();
  }
}

/**
 * Uploads a file of an image; resolves to its hash. An upload of this file that
 * broke off goes on where it was. The control plane reads the whole back and
 * compares the hash, so that parts of another file cannot slip in: then the
 * upload is made once more, from its beginning.
 *
 * @param onProgress told how many bytes have arrived
 * @throws ApiError
 */
export async function uploadSource(
  api: ApiClient,
  { image, path, source }: { image: string; path: string; source: ByteSource },
  onProgress: (arrivedBytes: number) => void = () => undefined,
): Promise<{ sha256: string; sizeBytes: number }> {
  const base = `/images/${image}/files/${path}`;
  const { items } = await api.request("GET", base);
  const interrupted = items[0]?.uploadId as string | undefined;
  if (interrupted !== undefined) {
    try {
      return await sendParts(api, `${base}?uploadId=${interrupted}`, source, onProgress);
    } catch (error) {
      // Another file was on its way under this name, or the upload has ended meanwhile.
      if (!(error instanceof ApiError) || (error.status !== 422 && error.status !== 404)) throw error;
    }
  }
  const { uploadId } = await api.request("POST", `${base}?uploads`);
  return await sendParts(api, `${base}?uploadId=${uploadId}`, source, onProgress);
}

/** Sends the parts that have not arrived, in order, and completes the upload. */
async function sendParts(
  api: ApiClient,
  upload: string,
  source: ByteSource,
  onProgress: (arrivedBytes: number) => void,
): Promise<{ sha256: string; sizeBytes: number }> {
  const arrived = new Map<number, Part>();
  for (const part of (await api.request("GET", upload)).parts as Part[]) arrived.set(part.part, part);
  const hash = createHash("sha256");
  const parts: { part: number; etag: string }[] = [];
  let position = 0;
  for (;;) {
    // A copy of its own: what sends it may keep it.
    const bytes = new Uint8Array(await source.read(position, PART_BYTES));
    const bytesRead = bytes.length;
    // An empty file is one empty part.
    if (bytesRead === 0 && parts.length > 0) break;
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
