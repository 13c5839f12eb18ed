import { Hono } from "hono";
import { verifyImagePath } from "../../core/sign/image-path.ts";
import { deliverFile } from "../deliver-file.ts";
import { clientPath, requireClient } from "../for-client.ts";
import type { App } from "../http.ts";
import { deriveSiteKeys } from "../image-keys.ts";
import { refused } from "../refusal.ts";
import { getRevision } from "../revisions.ts";
import type { ImageManifest } from "../site-object/pinned.ts";

/** `/i/:image/:revision/:path?exp&kid&sig`: one image file, streamed from R2. */
export const imageRoutes = new Hono<App>().on(["GET", "HEAD"], "/i/*", async (c) => {
  await requireClient(c);
  const { siteId } = c.get("client").credential;
  const pathname = clientPath(c);
  const keys = await deriveSiteKeys(c.env.IMAGE_KEYS, siteId);
  const verdict = await verifyImagePath({
    keys: new Map(keys.map(({ kid, key }) => [kid, key])),
    siteId,
    path: pathname,
    query: new URL(c.req.url).search,
    now: Date.now(),
  });
  if (verdict.kind === "refused") return refused();
  const [, , , revision, ...segments] = pathname.split("/");
  const path = segments.map(decodeURIComponent).join("/");
  const manifest = await getRevision<ImageManifest>(c.env.REVISIONS, "image", revision!);
  const file = manifest?.files[path];
  if (file === undefined) return refused();
  return await deliverFile(c, {
    sizeBytes: file.sizeBytes,
    etag: `"${file.sha256}"`,
    cacheControl: "private, max-age=31536000, immutable, no-transform",
    open: async (range) =>
      (await c.env.IMAGES.get(file.object, range === null ? {} : { range }))?.body ?? null,
  });
});
