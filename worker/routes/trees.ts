import { Hono } from "hono";
import { verifyTreeGrant } from "../../core/sign/tree-grant.ts";
import { clientPath, requireClient } from "../for-client.ts";
import type { App } from "../http.ts";
import { deliverImageFile } from "../image-file.ts";
import { siteKeysById } from "../image-keys.ts";
import { refused } from "../refusal.ts";

/**
 * `/t/EXP.KID.SIG/:image/:revision/*path`: any file of a revision, for
 * installers that find their files by themselves (inst.repo, .treeinfo, ESXi's
 * prefix). What follows a `?` is the installer's own and is ignored.
 */
export const treeRoutes = new Hono<App>().on(["GET", "HEAD"], "/t/*", async (c) => {
  await requireClient(c);
  const { siteId } = c.get("client").credential;
  const verdict = await verifyTreeGrant({
    keys: await siteKeysById(c.env.IMAGE_KEYS, siteId),
    siteId,
    path: clientPath(c),
    now: Date.now(),
  });
  if (verdict.kind === "refused") return refused();
  return await deliverImageFile(c, verdict.revision, verdict.file.split("/"));
});
