import type * as z from "zod";
import { controlObject, type Env } from "./env.ts";
import { s3Access } from "./presign.ts";
import { ProblemError, type FieldError } from "./problem.ts";
import { canonicalJson, getRevision } from "./revisions.ts";
import type { imageSchema } from "./schemas/documents.ts";
import type { ImageManifest, StoredFile, UpstreamFile } from "./site-object/pinned.ts";
import { measureUpstream, UpstreamError } from "./upstream.ts";

type ImageInput = z.output<typeof imageSchema>;
type UpstreamInput = Omit<UpstreamFile, "chunks">;

/**
 * An image as it is stored: uploaded files by what was read back of them, files
 * that live elsewhere by what is read of them now, once, as relays verify each
 * MiB before they pass it on.
 *
 * @param name of the image: what its present revision has read already is not read again
 * @throws ProblemError `invalid`, naming every file that was not uploaded, or is
 *   not where and what it is said to be
 */
export async function resolveImage(env: Env, name: string, image: ImageInput): Promise<ImageManifest> {
  const { files, delivery, origins } = image;
  const hashes = Object.values(files).flatMap((file) => (file.url === undefined ? [file.sha256] : []));
  const uploaded = await controlObject(env).filesByHash(hashes);
  const errors: FieldError[] = [];
  if (delivery === "redirect" && s3Access(env) === null) {
    const message = "needs S3_BUCKET_URL, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, see docs/deploy.md";
    errors.push({ field: "delivery", message });
  }
  const measured = await chunksOfPresent(env, name, files);
  const resolved: Record<string, StoredFile | UpstreamFile> = {};
  for (const [path, file] of Object.entries(files)) {
    if (file.url === undefined) {
      const found = uploaded[file.sha256];
      if (found !== undefined) resolved[path] = found;
      else errors.push({ field: `files.${path}.sha256`, message: "no such file was uploaded" });
      continue;
    }
    try {
      // One after the other: what is held of them is one MiB.
      const chunks = measured.get(keyOf(file)) ?? (await measureUpstream(file, origins));
      resolved[path] = { ...file, chunks };
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      errors.push({ field: `files.${path}.url`, message: `${file.url}: ${error.message}` });
    }
  }
  if (errors.length > 0) {
    const detail = errors.map(({ field, message }) => `${field}: ${message}`).join("; ");
    throw new ProblemError({ type: "invalid", detail, errors });
  }
  return {
    files: resolved,
    ...(delivery === "redirect" && { delivery }),
    ...(origins.length > 0 && { origins }),
  };
}

/** Whether a put of this image would make the very revision that is there. */
export function isPresentImage(present: ImageManifest, { files, delivery, origins }: ImageInput): boolean {
  const described = (of: Readonly<Record<string, { sha256: string; url?: string; sizeBytes?: number }>>) =>
    Object.fromEntries(
      Object.entries(of).map(([path, { sha256, url, sizeBytes }]) => [
        path,
        url === undefined ? { sha256 } : { sha256, url, sizeBytes },
      ]),
    );
  return (
    canonicalJson([described(present.files), present.delivery ?? "stream", present.origins ?? []]) ===
    canonicalJson([described(files), delivery, origins])
  );
}

/** Hashes of the files that images name and nobody has uploaded. */
export async function missingFiles(env: Env, images: readonly ImageInput[]): Promise<string[]> {
  const hashes = images.flatMap(({ files }) =>
    Object.values(files).flatMap((file) => (file.url === undefined ? [file.sha256] : [])),
  );
  const wanted = [...new Set(hashes)];
  const uploaded = await controlObject(env).filesByHash(wanted);
  return wanted.filter((hash) => uploaded[hash] === undefined);
}

/** What the image's present revision knows of files that live elsewhere. */
async function chunksOfPresent(
  env: Env,
  name: string,
  files: ImageInput["files"],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const measured = new Map<string, readonly string[]>();
  if (!Object.values(files).some((file) => file.url !== undefined)) return measured;
  const head = await controlObject(env).head("image", name);
  // A revision that has not arrived here is one more reason to read, no problem.
  const present = head && (await getRevision<ImageManifest>(env.REVISIONS, "image", head.revision));
  for (const file of Object.values(present?.files ?? {})) {
    if ("url" in file && file.chunks !== undefined) measured.set(keyOf(file), file.chunks);
  }
  return measured;
}

function keyOf({ url, sha256, sizeBytes }: UpstreamInput): string {
  return `${sha256} ${sizeBytes} ${url}`;
}
