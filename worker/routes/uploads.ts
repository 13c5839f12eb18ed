import * as z from "zod";
import { ApiRoutes } from "../api/api-routes.ts";
import { ANY_UPLOAD, IMAGE_FILE, POST_UPLOAD, UPLOAD_ID, UPLOAD_PART } from "../api/parameters.ts";
import {
  partSchema,
  uploadBegunSchema,
  uploadedSchema,
  uploadSchema,
  uploadsSchema,
} from "../api/responses/documents.ts";
import { mintId } from "../credentials.ts";
import { controlObject } from "../env.ts";
import { check, type AppContext } from "../http.ts";
import { measureFile } from "../measure-file.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { completeUploadSchema } from "../schemas/documents.ts";
import type { StoredFile } from "../site-object/pinned.ts";
import { assembleUpload, discardUpload } from "../upload-bytes.ts";

type ImageFilePath = z.output<typeof IMAGE_FILE>;

/**
 * `/api/v1/images/:name/files/:path`: one file, uploaded in parts and read
 * back. Parts may be sent again and in any order; an upload that broke off goes
 * on with the parts that are missing. Until it is complete it is of no image.
 */
export const uploadRoutes = new ApiRoutes()
  .add(
    {
      method: "post",
      path: "/images/{name}/files/{path}",
      id: "upload",
      tag: "images",
      summary: "Begin an upload (`?uploads`, no body), or complete one (`?uploadId=`)",
      params: IMAGE_FILE,
      query: POST_UPLOAD,
      body: completeUploadSchema.partial().meta({
        id: "UploadCompletion",
        description: "`sha256` is needed to complete an upload",
        examples: [{}, { sha256: "3f2a9c0d5e6b7184".repeat(4) }],
      }),
      responses: {
        201: {
          description: "It has begun; or the file was read back and has this hash",
          schema: z.union([uploadBegunSchema, uploadedSchema]),
        },
      },
    },
    async (c, { params, query, body }) => {
      const { uploads, uploadId } = query;
      if (uploadId !== undefined) {
        return await completeUpload(c, params, uploadId, check(completeUploadSchema, body));
      }
      if (uploads !== undefined) return await beginUpload(c, params);
      const detail = "POST …?uploads begins an upload, POST …?uploadId= completes it";
      throw new ProblemError({ type: "bad-request", detail });
    },
  )

  .add(
    {
      method: "get",
      path: "/images/{name}/files/{path}",
      id: "listUploads",
      tag: "images",
      summary: "Uploads under way, or how far one has come (`?uploadId=`)",
      params: IMAGE_FILE,
      query: ANY_UPLOAD,
      responses: {
        200: { description: "What arrived", schema: z.union([uploadsSchema, uploadSchema]) },
      },
    },
    async (c, { params, query: { uploadId } }) => {
      if (uploadId === undefined) {
        return c.json({ items: await controlObject(c.env).listUploads(params.name, params.path) });
      }
      const upload = await requireUpload(c, params, uploadId);
      const parts = await controlObject(c.env).listUploadParts(upload.id);
      return c.json({ uploadId: upload.id, parts });
    },
  )

  .add(
    {
      method: "put",
      path: "/images/{name}/files/{path}",
      id: "uploadPart",
      tag: "images",
      summary: "One part of an upload: 5 MiB or more, but for the last",
      params: IMAGE_FILE,
      query: UPLOAD_PART,
      bytes: true,
      responses: { 200: { description: "It arrived", schema: partSchema } },
    },
    async (c, { params, query: { uploadId, part } }) => {
      const upload = await requireUpload(c, params, uploadId);
      const { body } = c.req.raw;
      const length = c.req.header("content-length");
      if (body === null || length === undefined) {
        throw new ProblemError({ type: "bad-request", detail: "a part has a body of known length" });
      }
      const multipart = c.env.IMAGES.resumeMultipartUpload(upload.object, upload.r2UploadId);
      const { etag } = await multipart.uploadPart(part, body);
      await controlObject(c.env).noteUploadPart(upload.id, { part, etag, sizeBytes: Number(length) });
      return c.json({ part, etag });
    },
  )

  .add(
    {
      method: "delete",
      path: "/images/{name}/files/{path}",
      id: "abortUpload",
      tag: "images",
      summary: "Give an upload up",
      params: IMAGE_FILE,
      query: UPLOAD_ID,
      responses: { 204: { description: "Its parts are gone" } },
    },
    async (c, { params, query }) => {
      const upload = await requireUpload(c, params, query.uploadId);
      await discardUpload(c.env.IMAGES, upload);
      await controlObject(c.env).endUpload(upload.id, null);
      return c.body(null, 204);
    },
  );

async function beginUpload(c: AppContext, { name: image, path }: ImageFilePath): Promise<Response> {
  const id = mintId();
  const object = `files/${id}`;
  const multipart = await c.env.IMAGES.createMultipartUpload(object);
  await controlObject(c.env).beginUpload({ id, image, path, object, r2UploadId: multipart.uploadId });
  return c.json({ uploadId: id }, 201);
}

async function completeUpload(
  c: AppContext,
  file: ImageFilePath,
  uploadId: string,
  { sha256, parts }: z.output<typeof completeUploadSchema>,
): Promise<Response> {
  const upload = await requireUpload(c, file, uploadId);
  const control = controlObject(c.env);
  await assembleUpload(c.env.IMAGES, upload, parts ?? (await control.listUploadParts(upload.id)));
  const object = await c.env.IMAGES.get(upload.object);
  if (object === null)
    throw new ProblemError({ type: "unavailable", detail: "the uploaded file is not readable yet" });

  // What counts is what can be read back, not what was sent.
  const stored: StoredFile = { ...(await measureFile(object.body)), object: upload.object };
  if (stored.sha256 !== sha256) {
    await c.env.IMAGES.delete(upload.object);
    await control.endUpload(upload.id, null);
    const message = `the ${stored.sizeBytes} bytes that arrived have the hash ${stored.sha256}; upload again`;
    throw new ProblemError({ type: "invalid", detail: message, errors: [{ field: "sha256", message }] });
  }
  const kept = await control.endUpload(upload.id, stored);
  // The same bytes are there already, under another key.
  if (kept?.object !== upload.object) await c.env.IMAGES.delete(upload.object);
  return c.json({ path: upload.path, sizeBytes: stored.sizeBytes, sha256 }, 201);
}

async function requireUpload(c: AppContext, { name, path }: ImageFilePath, uploadId: string) {
  return unwrap(await controlObject(c.env).getUpload(uploadId, name, path));
}
