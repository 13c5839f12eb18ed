import pino from "pino";

import type { RelayState } from "../../../core/relay-protocol/state.ts";
import { startImageCache } from "../../../relay/cache/start.ts";
import { createControlPlaneClient } from "../../../relay/control-plane/client.ts";
import { serveImageFile } from "../../../relay/http/image-file.ts";
import { createPacer } from "../../../relay/http/pacer.ts";
import { startHttpServer } from "../../../relay/http/server.ts";
import { KEY_1, SITE_ID } from "./fake-origin.ts";

/**
 * An image cache alone, to be killed. Arguments: its state folder, the origin's
 * URL, the cache's size. Tells its port to the process that forked it.
 */
const [stateDir = "", url = "", maxBytes = ""] = process.argv.slice(2);
const log = pino({ level: "silent" });
const state: Partial<RelayState> = { imageKeys: [KEY_1], prefetch: [] };
const images = await startImageCache({
  config: {
    stateDir,
    cache: { maxBytes: Number(maxBytes), prefetch: true, maxRate: null },
    controlPlane: { url },
  },
  credentials: { credential: "pxr_x", siteId: SITE_ID },
  client: createControlPlaneClient({ url, credential: "pxr_x" }),
  sync: { current: () => state as RelayState, noteRevision: () => undefined, refresh: async () => "ok" },
  onEvent: () => undefined,
  log,
});
const pacer = createPacer({
  bytesPerSecond: null,
  bytesPerSecondPerClient: null,
  now: () => performance.now(),
});
const server = await startHttpServer(
  { interface: "lo", address: "127.0.0.1", port: 0 },
  (request, response) => {
    response.on("error", () => undefined);
    serveImageFile({ images, pacer }, request.url!, request, response).catch(() => response.destroy());
  },
  log,
);
process.on("disconnect", () => process.exit());
process.send!(server.listener.port);
