import { Hono } from "hono";
import { BOOT_FILE_PREFIX, bootFileKey } from "../boot-file-key.ts";
import type { App, AppContext } from "../http.ts";
import { ProblemError } from "../problem.ts";

/** Boot loaders are small; the largest known, GRUB with its modules, has a few MiB. */
const MAX_BOOT_FILE_BYTES = 32 << 20;

/** `/api/v1/boot-files`: what `/f/:file` serves. */
export const bootFileApiRoutes = new Hono<App>()
  .get("/", async (c) => {
    const { objects } = await c.env.IMAGES.list({ prefix: BOOT_FILE_PREFIX });
    return c.json({ items: objects.map(describe) });
  })

  .put("/:name", async (c) => {
    const length = c.req.header("content-length");
    const body = c.req.raw.body;
    if (length === undefined || body === null) {
      throw new ProblemError({ type: "bad-request", detail: "a boot file is a body of known length" });
    }
    if (Number(length) > MAX_BOOT_FILE_BYTES) {
      const detail = `a boot file has at most ${MAX_BOOT_FILE_BYTES} bytes`;
      throw new ProblemError({ type: "too-large", detail });
    }
    return c.json(describe(await c.env.IMAGES.put(keyOf(c), body, {})));
  })

  .delete("/:name", async (c) => {
    await c.env.IMAGES.delete(keyOf(c));
    return c.body(null, 204);
  });

function describe(object: R2Object) {
  return {
    name: object.key.slice(BOOT_FILE_PREFIX.length),
    sizeBytes: object.size,
    updatedAt: object.uploaded.toISOString(),
  };
}

function keyOf(c: AppContext): string {
  const key = bootFileKey(c.req.param("name") ?? "");
  if (key !== null) return key;
  const message = "1 to 100 letters, digits and . _ + -, first a letter or digit";
  throw new ProblemError({ type: "invalid", detail: message, errors: [{ field: "name", message }] });
}
