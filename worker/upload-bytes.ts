import type { Upload } from "./control-object/uploads.ts";

/** Makes an upload's parts one object. A second time changes nothing. */
export async function assembleUpload(
  bucket: R2Bucket,
  upload: Upload,
  parts: readonly { readonly part: number; readonly etag: string }[],
): Promise<void> {
  const multipart = bucket.resumeMultipartUpload(upload.object, upload.r2UploadId);
  try {
    await multipart.complete(parts.map(({ part, etag }) => ({ partNumber: part, etag })));
  } catch (error) {
    // An earlier request may have come so far and no further: its object is what is read back then.
    if ((await bucket.head(upload.object)) === null) throw error;
  }
}

/** Removes an upload's bytes, its parts or its object. */
export async function discardUpload(bucket: R2Bucket, upload: Upload): Promise<void> {
  try {
    await bucket.resumeMultipartUpload(upload.object, upload.r2UploadId).abort();
  } catch (error) {
    // R2 knows no such upload any more: it was assembled, or R2 itself gave it up.
    console.warn(`upload ${upload.id} could not be aborted`, error);
  }
  await bucket.delete(upload.object);
}
