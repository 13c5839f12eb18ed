import * as z from "zod";
import { ApiRoutes } from "../api/api-routes.ts";
import { bootFileListSchema, bootFileSchema } from "../api/responses/documents.ts";
import { BOOT_FILE_PREFIX, bootFileKey } from "../boot-file-key.ts";
import { ProblemError } from "../problem.ts";

/** Boot loaders are small; the largest known, GRUB with its modules, has a few MiB. */
const MAX_BOOT_FILE_BYTES = 32 << 20;

const BY_FILE_NAME = z.object({
  name: z
    .string()
    .refine(
      (name) => bootFileKey(name) !== null,
      "1 to 100 letters, digits and . _ + -, first a letter or digit",
    ),
});

/** `/api/v1/boot-files`: what `/f/:file` serves. */
export const bootFileApiRoutes = new ApiRoutes()
  .add(
    {
      method: "get",
      path: "/boot-files",
      id: "listBootFiles",
      tag: "boot-files",
      summary: "List boot files",
      responses: { 200: { description: "All of them", schema: bootFileListSchema } },
    },
    async (c) => {
      const { objects } = await c.env.IMAGES.list({ prefix: BOOT_FILE_PREFIX });
      return c.json({ items: objects.map(describe) });
    },
  )

  .add(
    {
      method: "put",
      path: "/boot-files/{name}",
      id: "putBootFile",
      tag: "boot-files",
      summary: "Put a boot file",
      params: BY_FILE_NAME,
      bytes: true,
      responses: { 200: { description: "It is there", schema: bootFileSchema } },
    },
    async (c, { params }) => {
      const length = c.req.header("content-length");
      const body = c.req.raw.body;
      if (length === undefined || body === null) {
        throw new ProblemError({ type: "bad-request", detail: "a boot file is a body of known length" });
      }
      if (Number(length) > MAX_BOOT_FILE_BYTES) {
        const detail = `a boot file has at most ${MAX_BOOT_FILE_BYTES} bytes`;
        throw new ProblemError({ type: "too-large", detail });
      }
      return c.json(describe(await c.env.IMAGES.put(bootFileKey(params.name)!, body, {})));
    },
  )

  .add(
    {
      method: "delete",
      path: "/boot-files/{name}",
      id: "deleteBootFile",
      tag: "boot-files",
      summary: "Delete a boot file",
      params: BY_FILE_NAME,
      responses: { 204: { description: "It is gone, or never was" } },
    },
    async (c, { params }) => {
      await c.env.IMAGES.delete(bootFileKey(params.name)!);
      return c.body(null, 204);
    },
  );

function describe(object: R2Object) {
  return {
    name: object.key.slice(BOOT_FILE_PREFIX.length),
    sizeBytes: object.size,
    updatedAt: object.uploaded.toISOString(),
  };
}
