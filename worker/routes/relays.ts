import { Hono } from "hono";
import { deriveSiteKeys } from "../image-keys.ts";
import { formatBase64Url } from "../../core/bytes.ts";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import type { RelayImageFile, RelayImageManifest } from "../../core/relay-protocol/image-manifest.ts";
import type { RelayState } from "../../core/relay-protocol/state.ts";
import { readRelayCredential } from "../authenticate.ts";
import { parseSiteCredential } from "../credentials.ts";
import { siteObject } from "../env.ts";
import { forClient } from "../for-client.ts";
import { queryInteger, readBody, type App } from "../http.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { getRevision } from "../revisions.ts";
import { eventBatchSchema, eventSchema, joinSchema, type ReportedEvent } from "../schemas.ts";
import type { ImageManifest } from "../site-object/pinned.ts";

/** How a relay joins, and what it asks for on its own behalf. */
export const relayRoutes = new Hono<App>()
  .post("/api/v1/relays/join", async (c) => {
    const { token } = await readBody(c, joinSchema);
    const credential = await parseSiteCredential("pxj", token);
    if (credential === undefined) {
      throw new ProblemError({ type: "unauthorized", detail: "this is not a join token (pxj_…)" });
    }
    return c.json(unwrap(await siteObject(c.env, credential.siteId).joinRelay(credential)), 201);
  })

  .get("/relay/v1/state", readRelayCredential, async (c) => {
    const relay = c.get("relay");
    const after = c.req.query("after") === undefined ? null : queryInteger(c, "after", 0, Infinity);
    const { stateRevision, value } = unwrap(await siteObject(c.env, relay.siteId).relayState(relay, after));
    const keys = await deriveSiteKeys(c.env.IMAGE_KEYS, relay.siteId);
    const state: RelayState = {
      ...value,
      imageKeys: keys.map(({ kid, key }) => ({ kid, key: formatBase64Url(key) })),
    };
    c.header(RELAY_HEADER.STATE, String(stateRevision));
    return c.json(state);
  })

  // Not part of the state: it is large, it never changes, and a relay keeps it.
  .get("/relay/v1/images/:revision", readRelayCredential, async (c) => {
    const relay = c.get("relay");
    forClient(c, await siteObject(c.env, relay.siteId).authorize(relay));
    const revision = c.req.param("revision");
    const manifest = await getRevision<ImageManifest>(c.env.REVISIONS, "image", revision);
    if (manifest === null) {
      throw new ProblemError({ type: "not-found", detail: `no image has the revision "${revision}" here` });
    }
    return c.json(toRelayManifest(manifest));
  })

  // A wrong event is named and left out: it must not hold up those behind it for ever.
  .post("/relay/v1/events", readRelayCredential, async (c) => {
    const relay = c.get("relay");
    const batch = await readBody(c, eventBatchSchema);
    const events: ReportedEvent[] = [];
    const rejected: { index: number; message: string }[] = [];
    for (const [index, item] of batch.entries()) {
      const parsed = eventSchema.safeParse(item);
      if (parsed.success) events.push(parsed.data);
      else
        rejected.push({
          index,
          message: parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "),
        });
    }
    const { stateRevision } = unwrap(await siteObject(c.env, relay.siteId).recordEvents(relay, events));
    c.header(RELAY_HEADER.STATE, String(stateRevision));
    return c.json({ accepted: events.length, rejected });
  });

/** Without where the files are kept. */
function toRelayManifest({ files }: ImageManifest): RelayImageManifest {
  const described = Object.entries(files).map(([path, file]): [string, RelayImageFile] => {
    const { sizeBytes, sha256 } = file;
    return [path, { sizeBytes, sha256, ...("chunks" in file && { chunks: file.chunks }) }];
  });
  return { files: Object.fromEntries(described) };
}
