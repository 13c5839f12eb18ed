import { Hono } from "hono";
import { mintId } from "../credentials.ts";
import { controlObject } from "../env.ts";
import { check, pathName, queryInteger, readBody, type App, type AppContext } from "../http.ts";
import { measureFile } from "../measure-file.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { completeUploadSchema, filePathSchema, nameSchema } from "../schemas.ts";
import type { StoredFile } from "../site-object/pinned.ts";
import { assembleUpload, discardUpload } from "../upload-bytes.ts";

/**
 * `/api/v1/images/:name/files/:path`: one file, uploaded in parts and read
 * back. Parts may be sent again and in any order; an upload that broke off goes
 * on with the parts that are missing. Until it is complete it is of no image.
 */
export const uploadRoutes = new Hono<App>()
  .post("/:path{.+}", async (c) =>
    c.req.query("uploadId") === undefined ? await beginUpload(c) : await completeUpload(c),
  )

  .get("/:path{.+}", async (c) => {
    if (c.req.query("uploadId") === undefined) {
      const { image, path } = fileOfPath(c);
      return c.json({ items: await controlObject(c.env).listUploads(image, path) });
    }
    const upload = await uploadOfPath(c);
    const parts = await controlObject(c.env).listUploadParts(upload.id);
    return c.json({ uploadId: upload.id, parts });
  })

  .put("/:path{.+}", async (c) => {
    const upload = await uploadOfPath(c);
    const part = queryInteger(c, "part", 0, 10_000);
    const { body } = c.req.raw;
    const length = c.req.header("content-length");
    if (part < 1 || body === null || length === undefined) {
      throw new ProblemError({
        type: "bad-request",
        detail: "a part has a number from 1 and a body of known length",
      });
    }
    const multipart = c.env.IMAGES.resumeMultipartUpload(upload.object, upload.r2UploadId);
    const { etag } = await multipart.uploadPart(part, body);
    await controlObject(c.env).noteUploadPart(upload.id, { part, etag, sizeBytes: Number(length) });
    return c.json({ part, etag });
  })

  .delete("/:path{.+}", async (c) => {
    const upload = await uploadOfPath(c);
    await discardUpload(c.env.IMAGES, upload);
    await controlObject(c.env).endUpload(upload.id, null);
    return c.body(null, 204);
  });

async function beginUpload(c: AppContext): Promise<Response> {
  const { image, path } = fileOfPath(c);
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
  const control = controlObject(c.env);
  await assembleUpload(c.env.IMAGES, upload, parts ?? (await control.listUploadParts(upload.id)));
  const object = await c.env.IMAGES.get(upload.object);
  if (object === null)
    throw new ProblemError({ type: "unavailable", detail: "the uploaded file is not readable yet" });

  // What counts is what can be read back, not what was sent.
  const file: StoredFile = { ...(await measureFile(object.body)), object: upload.object };
  if (file.sha256 !== sha256) {
    await c.env.IMAGES.delete(upload.object);
    await control.endUpload(upload.id, null);
    const message = `the ${file.sizeBytes} bytes that arrived have the hash ${file.sha256}; upload again`;
    throw new ProblemError({ type: "invalid", detail: message, errors: [{ field: "sha256", message }] });
  }
  const kept = await control.endUpload(upload.id, file);
  // The same bytes are there already, under another key.
  if (kept?.object !== upload.object) await c.env.IMAGES.delete(upload.object);
  return c.json({ path: upload.path, sizeBytes: file.sizeBytes, sha256 }, 201);
}

function fileOfPath(c: AppContext): { image: string; path: string } {
  return { image: pathName(c, "name", nameSchema), path: check(filePathSchema, c.req.param("path")) };
}

async function uploadOfPath(c: AppContext) {
  const { image, path } = fileOfPath(c);
  return unwrap(await controlObject(c.env).getUpload(c.req.query("uploadId") ?? "", image, path));
}
