/** Bytes that one hash of `chunks` speaks for; the last chunk of a file may be shorter. */
export const IMAGE_CHUNK_BYTES = 1 << 20;

/** What a relay must know of an image's file to serve it without asking, and to trust no byte of it unseen. */
export type RelayImageFile = {
  readonly sizeBytes: number;
  /** SHA-256 of the whole file, lower-case hexadecimal. */
  readonly sha256: string;
  /** SHA-256 of each `IMAGE_CHUNK_BYTES`, in order; absent for a file that lives elsewhere and was never read. */
  readonly chunks?: readonly string[];
};

/**
 * The answer to `GET /relay/v1/images/:revision`: the files of one revision of
 * an image, by path. A revision is its content's hash, so that a relay asks for
 * each but once.
 */
export type RelayImageManifest = { readonly files: Readonly<Record<string, RelayImageFile>> };
