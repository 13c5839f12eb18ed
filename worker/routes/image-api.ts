import type * as z from "zod";
import { ApiRoutes } from "../api/api-routes.ts";
import { BY_NAME } from "../api/parameters.ts";
import { imageDocumentSchema } from "../api/responses/documents.ts";
import { controlObject, type Env } from "../env.ts";
import { taggedJson } from "../http.ts";
import { s3Access } from "../presign.ts";
import { ProblemError, type FieldError } from "../problem.ts";
import { imageSchema } from "../schemas.ts";
import type { ImageManifest, StoredFile, UpstreamFile } from "../site-object/pinned.ts";
import { readDocument, storeDocument } from "../stored-documents.ts";
import { STORED } from "./documents.ts";

/**
 * `/api/v1/images`. Files are uploaded and read back, or live elsewhere; an
 * image is then PUT as a set of files, so that half an upload is never visible.
 */
export const imageApiRoutes = new ApiRoutes()
  .add(
    {
      method: "get",
      path: "/images/{name}",
      id: "getImage",
      tag: "images",
      summary: "An image as it is now",
      params: BY_NAME,
      conditional: true,
      responses: { 200: { description: "The document", schema: imageDocumentSchema, tagged: true } },
    },
    async (c, { params }) => {
      const { head, document } = await readDocument<ImageManifest>(c, "image", params.name);
      const { files, delivery = "stream", origins = [] } = document;
      return taggedJson(c, head.revision, { ...head, files: describeFiles(files), delivery, origins });
    },
  )

  .add(
    {
      method: "put",
      path: "/images/{name}",
      id: "putImage",
      tag: "images",
      summary: "Make a revision of an image, of files that were uploaded or live elsewhere",
      params: BY_NAME,
      body: imageSchema,
      conditional: true,
      responses: STORED,
    },
    async (c, { params, body }) =>
      await storeDocument(c, "image", params.name, await resolveImage(c.env, body)),
  );

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
