import { Hono } from "hono";
import { verifyImagePath } from "../../core/sign/image-path.ts";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import { readRelayCredential } from "../authenticate.ts";
import { siteObject } from "../env.ts";
import type { App } from "../http.ts";
import { deriveSiteKeys } from "../image-keys.ts";
import { unwrap } from "../problem.ts";
import { getRevision } from "../revisions.ts";
import type { ImageManifest } from "../site-object/pinned.ts";

/** `/i/:image/:revision/:path?exp&kid&sig`: one image file, streamed from R2. */
export const imageRoutes = new Hono<App>().use(readRelayCredential).on(["GET", "HEAD"], "/*", async (c) => {
  const relay = c.get("relay");
  const { stateRevision } = unwrap(await siteObject(c.env, relay.siteId).authorizeRelay(relay));
  c.header(RELAY_HEADER.STATE, String(stateRevision));

  const url = new URL(c.req.url);
  const keys = await deriveSiteKeys(c.env.IMAGE_KEYS, relay.siteId);
  const verdict = await verifyImagePath({
    keys: new Map(keys.map(({ kid, key }) => [kid, key])),
    siteId: relay.siteId,
    path: url.pathname,
    query: url.search,
    now: Date.now(),
  });
  if (verdict.kind === "refused") return c.text("not found\n", 404);
  const [, , , revision, ...segments] = url.pathname.split("/");
  const path = segments.map(decodeURIComponent).join("/");
  const manifest = await getRevision<ImageManifest>(c.env.REVISIONS, "image", revision!);
  const file = manifest?.files[path];
  if (file === undefined) return c.text("not found\n", 404);

  const etag = `"${file.sha256}"`;
  const headers = {
    "content-type": "application/octet-stream",
    "accept-ranges": "bytes",
    "cache-control": "private, max-age=31536000, immutable, no-transform",
    etag,
  };
  if (c.req.method === "HEAD") {
    return c.body(null, 200, { ...headers, "content-length": String(file.sizeBytes) });
  }
  const range = parseRange(c.req.header("range"), file.sizeBytes);
  if (range === "unsatisfiable") return c.body(null, 416, { "content-range": `bytes */${file.sizeBytes}` });
  const ifRange = c.req.header("if-range");
  if (range === null || (ifRange !== undefined && ifRange !== etag)) {
    const object = await c.env.IMAGES.get(file.object);
    if (object === null) return c.text("not found\n", 404);
    return c.body(object.body, 200, { ...headers, "content-length": String(file.sizeBytes) });
  }
  const object = await c.env.IMAGES.get(file.object, { range });
  if (object === null) return c.text("not found\n", 404);
  const last = range.offset + range.length - 1;
  return c.body(object.body, 206, {
    ...headers,
    "content-length": String(range.length),
    "content-range": `bytes ${range.offset}-${last}/${file.sizeBytes}`,
  });
});

/** One byte range (RFC 9110 section 14.1.2); `null` for none, several or another unit: all of it is then right. */
function parseRange(
  header: string | undefined,
  sizeBytes: number,
): { offset: number; length: number } | "unsatisfiable" | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return null;
  if (match[1] === "") {
    const length = Math.min(Number(match[2]), sizeBytes);
    return length === 0 ? "unsatisfiable" : { offset: sizeBytes - length, length };
  }
  const first = Number(match[1]);
  const last = match[2] === "" ? sizeBytes - 1 : Math.min(Number(match[2]), sizeBytes - 1);
  if (match[2] !== "" && Number(match[2]) < first) return null;
  return first >= sizeBytes ? "unsatisfiable" : { offset: first, length: last - first + 1 };
}
