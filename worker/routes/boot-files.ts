import { Hono } from "hono";
import { bootFileKey } from "../boot-file-key.ts";
import { deliverFile } from "../deliver-file.ts";
import { requireClient } from "../for-client.ts";
import type { App } from "../http.ts";
import { refused } from "../refusal.ts";

/** `/f/:file`: boot loaders for firmware that speaks HTTP itself. The same ones for every site. */
export const bootFileRoutes = new Hono<App>().on(["GET", "HEAD"], "/f/:file", async (c) => {
  await requireClient(c);
  const key = bootFileKey(c.req.param("file"));
  const object = key === null ? null : await c.env.IMAGES.head(key);
  if (object === null) return refused();
  return await deliverFile(c, {
    sizeBytes: object.size,
    etag: object.httpEtag,
    // A newer one takes its place under the same name.
    cacheControl: "private, no-cache, no-transform",
    open: async (range) =>
      (await c.env.IMAGES.get(object.key, range === null ? {} : { range }))?.body ?? null,
  });
});
