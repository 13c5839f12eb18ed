import { fail, ok, type Result } from "../problem.ts";
import type { StoredFile } from "../site-object/pinned.ts";

/** An upload that has begun and is not complete. */
export type Upload = {
  readonly id: string;
  readonly image: string;
  readonly path: string;
  /** Key of the R2 object. */
  readonly object: string;
  readonly r2UploadId: string;
};

/** A part that arrived. */
export type UploadPart = { readonly part: number; readonly etag: string; readonly sizeBytes: number };

/** An upload that is not completed for so long is abandoned; R2 gives up on one after as long. */
const UPLOAD_LIFETIME_MS = 7 * 86_400_000;

type Row = { id: string; image: string; path: string; object: string; r2_upload_id: string };

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
    .exec<Row>("SELECT * FROM uploads WHERE id = ? AND image = ? AND path = ?", id, image, path)
    .toArray()[0];
  if (row === undefined) return fail("not-found", `no upload "${id}" of ${image}/${path} is under way`);
  return ok(toUpload(row));
}

/** The uploads of a file that are under way, newest first. */
export function listUploads(
  sql: SqlStorage,
  image: string,
  path: string,
): { uploadId: string; startedAt: string }[] {
  return sql
    .exec<{ id: string; started_at: number }>(
      "SELECT id, started_at FROM uploads WHERE image = ? AND path = ? ORDER BY started_at DESC, id",
      image,
      path,
    )
    .toArray()
    .map((row) => ({ uploadId: row.id, startedAt: new Date(row.started_at).toISOString() }));
}

/** Notes a part, sent again or not; nothing where the upload has ended meanwhile. */
export function notePart(sql: SqlStorage, uploadId: string, part: UploadPart): void {
  sql.exec(
    `INSERT OR REPLACE INTO upload_parts (upload_id, part, etag, size_bytes)
     SELECT id, ?, ?, ? FROM uploads WHERE id = ?`,
    part.part,
    part.etag,
    part.sizeBytes,
    uploadId,
  );
}

/** The parts that arrived, in order. */
export function listParts(sql: SqlStorage, uploadId: string): UploadPart[] {
  return sql
    .exec<{ part: number; etag: string; size_bytes: number }>(
      "SELECT part, etag, size_bytes FROM upload_parts WHERE upload_id = ? ORDER BY part",
      uploadId,
    )
    .toArray()
    .map((row) => ({ part: row.part, etag: row.etag, sizeBytes: row.size_bytes }));
}

/**
 * Ends an upload. `file` is `null` where its bytes were not what was announced.
 *
 * @returns the file under its hash: the same bytes stored earlier, where there are some
 */
export function endUpload(sql: SqlStorage, id: string, file: StoredFile | null): StoredFile | null {
  sql.exec("DELETE FROM uploads WHERE id = ?", id);
  sql.exec("DELETE FROM upload_parts WHERE upload_id = ?", id);
  if (file === null) return null;
  sql.exec("INSERT OR IGNORE INTO files (sha256, document) VALUES (?, ?)", file.sha256, JSON.stringify(file));
  return filesByHash(sql, [file.sha256])[file.sha256]!;
}

/** Uploads that nobody completed. */
export function abandonedUploads(sql: SqlStorage, now: number): Upload[] {
  return sql
    .exec<Row>("SELECT * FROM uploads WHERE started_at <= ?", now - UPLOAD_LIFETIME_MS)
    .toArray()
    .map(toUpload);
}

/** When the oldest upload will be abandoned, or `null`. Milliseconds. */
export function nextAbandonment(sql: SqlStorage): number | null {
  const { at } = sql.exec<{ at: number | null }>("SELECT min(started_at) AS at FROM uploads").one();
  return at === null ? null : at + UPLOAD_LIFETIME_MS;
}

/** Uploaded and verified files by their hash; unknown hashes are left out. */
export function filesByHash(sql: SqlStorage, hashes: readonly string[]): Record<string, StoredFile> {
  const found: Record<string, StoredFile> = {};
  for (const hash of hashes) {
    const row = sql
      .exec<{ document: string }>("SELECT document FROM files WHERE sha256 = ?", hash)
      .toArray()[0];
    if (row !== undefined) found[hash] = JSON.parse(row.document) as StoredFile;
  }
  return found;
}

function toUpload(row: Row): Upload {
  return {
    id: row.id,
    image: row.image,
    path: row.path,
    object: row.object,
    r2UploadId: row.r2_upload_id,
  };
}
