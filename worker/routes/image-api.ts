import { Hono } from "hono";
import type * as z from "zod";
import { controlObject, type Env } from "../env.ts";
import { readBody, taggedJson, type App } from "../http.ts";
import { s3Access } from "../presign.ts";
import { ProblemError, type FieldError } from "../problem.ts";
import { imageSchema } from "../schemas.ts";
import type { ImageManifest, StoredFile, UpstreamFile } from "../site-object/pinned.ts";
import { readDocument, storeDocument } from "./documents.ts";
import { uploadRoutes } from "./uploads.ts";

/**
 * `/api/v1/images`. Files are uploaded and read back, or live elsewhere; an
 * image is then PUT as a set of files, so that half an upload is never visible.
 */
export const imageApiRoutes = new Hono<App>()
  .get("/:name", async (c) => {
    const { head, document } = await readDocument<ImageManifest>(c, "image");
    const { files, delivery = "stream", origins = [] } = document;
    return taggedJson(c, head.revision, { ...head, files: describeFiles(files), delivery, origins });
  })

  .put("/:name", async (c) => {
    const manifest = await resolveImage(c.env, await readBody(c, imageSchema));
    return await storeDocument(c, "image", manifest);
  })

  .route("/:name/files", uploadRoutes);

/**
 * An image as it is stored: uploaded files by what was read back of them.
 *
 * @throws ProblemError `invalid`, naming every file that was not uploaded
 */
async function resolveImage(
  env: Env,
  { files, delivery, origins }: z.infer<typeof imageSchema>,
): Promise<ImageManifest> {
  const hashes = Object.values(files).flatMap((file) => ("url" in file ? [] : [file.sha256]));
  const known = await controlObject(env).filesByHash(hashes);
  const errors: FieldError[] = [];
  if (delivery === "redirect" && s3Access(env) === null) {
    const message = "needs S3_BUCKET_URL, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, see docs/deploy.md";
    errors.push({ field: "delivery", message });
  }
  const resolved: Record<string, StoredFile | UpstreamFile> = {};
  for (const [path, file] of Object.entries(files)) {
    const found = "url" in file ? file : known[file.sha256];
    if (found !== undefined) resolved[path] = found;
    else errors.push({ field: `files.${path}.sha256`, message: "no such file was uploaded" });
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

/** Files as the API shows them: not where in the bucket they are. */
function describeFiles(files: ImageManifest["files"]): object {
  const described = Object.entries(files).map(([path, file]) => {
    const { sizeBytes, sha256 } = file;
    return [path, { sizeBytes, sha256, ...("url" in file && { url: file.url }) }] as const;
  });
  return Object.fromEntries(described);
}
