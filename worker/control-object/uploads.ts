import { fail, ok, type Result } from "../problem.ts";
import type { ImageFile } from "../site-object/pinned.ts";

/** An upload that has begun and is not complete. */
export type Upload = {
  readonly id: string;
  readonly image: string;
  readonly path: string;
  /** Key of the R2 object. */
  readonly object: string;
  readonly r2UploadId: string;
};

export function beginUpload(sql: SqlStorage, upload: Upload, now: number): void {
  sql.exec(
    "INSERT INTO uploads (id, image, path, object, r2_upload_id, started_at) VALUES (?, ?, ?, ?, ?, ?)",
    upload.id,
    upload.image,
    upload.path,
    upload.object,
    upload.r2UploadId,
    now,
  );
}

export function findUpload(sql: SqlStorage, id: string, image: string, path: string): Result<Upload> {
  const row = sql
    .exec<{ object: string; r2_upload_id: string }>(
      "SELECT object, r2_upload_id FROM uploads WHERE id = ? AND image = ? AND path = ?",
      id,
      image,
      path,
    )
    .toArray()[0];
  if (row === undefined) return fail("not-found", `no upload "${id}" of ${image}/${path} is under way`);
  return ok({ id, image, path, object: row.object, r2UploadId: row.r2_upload_id });
}

/** Ends an upload. `file` is `null` where its bytes were not what was announced. */
export function endUpload(sql: SqlStorage, id: string, file: ImageFile | null): void {
  sql.exec("DELETE FROM uploads WHERE id = ?", id);
  if (file === null) return;
  sql.exec(
    "INSERT OR REPLACE INTO files (sha256, document) VALUES (?, ?)",
    file.sha256,
    JSON.stringify(file),
  );
}

/** Uploaded and verified files by their hash; unknown hashes are left out. */
export function filesByHash(sql: SqlStorage, hashes: readonly string[]): Record<string, ImageFile> {
  const found: Record<string, ImageFile> = {};
  for (const hash of hashes) {
    const row = sql
      .exec<{ document: string }>("SELECT document FROM files WHERE sha256 = ?", hash)
      .toArray()[0];
    if (row !== undefined) found[hash] = JSON.parse(row.document) as ImageFile;
  }
  return found;
}
