import { PxedgeError } from "../../core/errors.ts";

/**
 * - `unavailable`: the origin does not answer for now; later it may
 * - `gone`: the origin does not have the file
 * - `rejected`: what the origin sends is not what the manifest says, twice
 * - `closed`: whoever asked has left, or the relay stops
 */
export type ImageErrorCode = "unavailable" | "gone" | "rejected" | "closed";

/** Bytes of an image cannot be had. */
export class ImageError extends PxedgeError {
  override readonly name = "ImageError";
  readonly code: ImageErrorCode;

  constructor(code: ImageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The cache's folder cannot be read or written; the bytes may still be had without it. */
export class CacheDiskError extends PxedgeError {
  override readonly name = "CacheDiskError";
  readonly code = "cache-disk";
}

/** Runs what touches the disk. @throws CacheDiskError */
export async function onDisk<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new CacheDiskError(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

/** Whether an error says that the disk, or the quota, is full. */
export function isDiskFull(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT";
}
