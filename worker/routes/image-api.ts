import { Hono } from "hono";
import { mintId } from "../credentials.ts";
import { controlObject } from "../env.ts";
import { check, pathName, queryInteger, readBody, taggedJson, type App, type AppContext } from "../http.ts";
import { measureFile } from "../measure-file.ts";
import { ProblemError, unwrap, type FieldError } from "../problem.ts";
import { completeUploadSchema, filePathSchema, imageSchema, nameSchema } from "../schemas.ts";
import type { ImageFile, ImageManifest } from "../site-object/pinned.ts";
import { readDocument, storeDocument } from "./documents.ts";

/**
 * `/api/v1/images`. Files are uploaded in parts and read back; an image is then
 * PUT as a set of file hashes, so that half an upload is never visible.
 */
export const imageApiRoutes = new Hono<App>()
  .get("/:name", async (c) => {
    const { head, document } = await readDocument<ImageManifest>(c, "image");
    const files = Object.entries(document.files).map(
      ([path, { sizeBytes, sha256 }]) => [path, { sizeBytes, sha256 }] as const,
    );
    return taggedJson(c, head.revision, { ...head, files: Object.fromEntries(files) });
  })

  .put("/:name", async (c) => {
    const { files } = await readBody(c, imageSchema);
    const known = await controlObject(c.env).filesByHash(Object.values(files).map(({ sha256 }) => sha256));
    const errors: FieldError[] = [];
    const manifest: { files: Record<string, ImageFile> } = { files: {} };
    for (const [path, { sha256 }] of Object.entries(files)) {
      const file = known[sha256];
      if (file === undefined)
        errors.push({ field: `files.${path}.sha256`, message: "no such file was uploaded" });
      else manifest.files[path] = file;
    }
    if (errors.length > 0) {
      throw new ProblemError({ type: "invalid", detail: "upload the files first", errors });
    }
    return await storeDocument(c, "image", manifest);
  })

  .post("/:name/files/:path{.+}", async (c) =>
    c.req.query("uploadId") === undefined ? await beginUpload(c) : await completeUpload(c),
  )

  .put("/:name/files/:path{.+}", async (c) => {
    const upload = await uploadOfPath(c);
    const part = queryInteger(c, "part", 0, 10_000);
    const body = c.req.raw.body;
    if (part < 1 || body === null || c.req.header("content-length") === undefined) {
      throw new ProblemError({
        type: "bad-request",
        detail: "a part has a number from 1 and a body of known length",
      });
    }
    const multipart = c.env.IMAGES.resumeMultipartUpload(upload.object, upload.r2UploadId);
    const { etag } = await multipart.uploadPart(part, body);
    return c.json({ part, etag });
  });

async function beginUpload(c: AppContext): Promise<Response> {
  const [image, path] = [pathName(c, "name", nameSchema), check(filePathSchema, c.req.param("path"))];
  if (c.req.query("uploads") === undefined) {
    throw new ProblemError({
      type: "bad-request",
      detail: "POST …?uploads begins an upload, POST …?uploadId= completes it",
    });
  }
  const id = mintId();
  const object = `files/${id}`;
  const multipart = await c.env.IMAGES.createMultipartUpload(object);
  await controlObject(c.env).beginUpload({ id, image, path, object, r2UploadId: multipart.uploadId });
  return c.json({ uploadId: id }, 201);
}

async function completeUpload(c: AppContext): Promise<Response> {
  const upload = await uploadOfPath(c);
  const { sha256, parts } = await readBody(c, completeUploadSchema);
  const multipart = c.env.IMAGES.resumeMultipartUpload(upload.object, upload.r2UploadId);
  await multipart.complete(parts.map(({ part, etag }) => ({ partNumber: part, etag })));
  const object = await c.env.IMAGES.get(upload.object);
  if (object === null)
    throw new ProblemError({ type: "unavailable", detail: "the uploaded file is not readable yet" });

  // What counts is what can be read back, not what was sent.
  const file: ImageFile = { ...(await measureFile(object.body)), object: upload.object };
  const control = controlObject(c.env);
  if (file.sha256 !== sha256) {
    await c.env.IMAGES.delete(upload.object);
    await control.endUpload(upload.id, null);
    const message = `the ${file.sizeBytes} bytes that arrived have the hash ${file.sha256}; upload again`;
    throw new ProblemError({ type: "invalid", detail: message, errors: [{ field: "sha256", message }] });
  }
  await control.endUpload(upload.id, file);
  return c.json({ path: upload.path, sizeBytes: file.sizeBytes, sha256: file.sha256 }, 201);
}

async function uploadOfPath(c: AppContext) {
  const [image, path] = [pathName(c, "name", nameSchema), check(filePathSchema, c.req.param("path"))];
  return unwrap(await controlObject(c.env).getUpload(c.req.query("uploadId") ?? "", image, path));
}
