import { Hono } from "hono";
import { verifyImagePath } from "../../core/sign/image-path.ts";
import { clientPath, requireClient } from "../for-client.ts";
import type { App } from "../http.ts";
import { deliverImageFile } from "../image-file.ts";
import { siteKeysById } from "../image-keys.ts";
import { refused } from "../refusal.ts";

/** `/i/:image/:revision/:path?exp&kid&sig`: one image file. */
export const imageRoutes = new Hono<App>().on(["GET", "HEAD"], "/i/*", async (c) => {
  await requireClient(c);
  const { siteId } = c.get("client").credential;
  const path = clientPath(c);
  const verdict = await verifyImagePath({
    keys: await siteKeysById(c.env.IMAGE_KEYS, siteId),
    siteId,
    path,
    query: new URL(c.req.url).search,
    now: Date.now(),
  });
  if (verdict.kind === "refused") return refused();
  const [, , , revision, ...segments] = path.split("/");
  return await deliverImageFile(c, revision!, segments);
});
