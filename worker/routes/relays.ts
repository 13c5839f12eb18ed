import { Hono } from "hono";
import { deriveSiteKeys } from "../image-keys.ts";
import { formatBase64Url } from "../../core/bytes.ts";
import { RELAY_HEADER } from "../../core/relay-protocol/headers.ts";
import type { RelayImageFile, RelayImageManifest } from "../../core/relay-protocol/image-manifest.ts";
import type { RelayState } from "../../core/relay-protocol/state.ts";
import { STATE_QUERY } from "../api/parameters.ts";
import { readRelayCredential } from "../authenticate.ts";
import { siteObject } from "../env.ts";
import { forClient } from "../for-client.ts";
import { readBody, readQuery, type App } from "../http.ts";
import { ProblemError, unwrap } from "../problem.ts";
import { getRevision } from "../revisions.ts";
import { eventBatchSchema, eventSchema, type ReportedEvent } from "../schemas/events.ts";
import type { ImageManifest } from "../site-object/pinned.ts";

/** What a relay asks for on its own behalf. */
export const relayRoutes = new Hono<App>()
  .get("/relay/v1/state", readRelayCredential, async (c) => {
    const relay = c.get("relay");
    const { after = null } = readQuery(c, STATE_QUERY);
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
