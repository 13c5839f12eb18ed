import { IMAGE_CHUNK_BYTES, type RelayImageFile } from "../../core/relay-protocol/image-manifest.ts";

/** One file of an image's revision, as its manifest describes it. */
export type ImageObject = RelayImageFile & {
  readonly image: string;
  readonly revision: string;
  /** Inside the image, decoded. */
  readonly path: string;
};

/** How many chunks a file of that size has; an empty one has none. */
export function countChunks(sizeBytes: number): number {
  return Math.ceil(sizeBytes / IMAGE_CHUNK_BYTES);
}

/** Where a chunk ends, in bytes from the file's start. */
export function endOfChunk(object: ImageObject, chunk: number): number {
  return Math.min(object.sizeBytes, (chunk + 1) * IMAGE_CHUNK_BYTES);
}

/**
 * The hashes of an object's chunks where they can be told from the manifest:
 * a file of one chunk is its own.
 */
export function knownChunks(object: ImageObject): readonly string[] | undefined {
  if (object.sizeBytes === 0) return [];
  return object.chunks ?? (object.sizeBytes <= IMAGE_CHUNK_BYTES ? [object.sha256] : undefined);
}
