import { join } from "node:path";
import type { Logger } from "pino";

import type { EventSink } from "../../core/relay-protocol/events.ts";
import type { RelayImageKey } from "../../core/relay-protocol/state.ts";
import type { RelayConfig } from "../config/model.ts";
import type { ControlPlaneClient } from "../control-plane/client.ts";
import type { RelayCredentials } from "../control-plane/credentials.ts";
import type { StateSync } from "../control-plane/state-sync.ts";
import type { ProxyEnvironment } from "../net/proxy-environment.ts";
import { createGrants } from "./grants.ts";
import { createImageCache, type ImageCache } from "./image-cache.ts";
import { createManifests } from "./manifests.ts";
import { createOrigin } from "./origin.ts";

export type StartImageCacheOptions = {
  readonly config: Pick<RelayConfig, "stateDir"> & {
    readonly cache: Omit<RelayConfig["cache"], "mirrorBytes">;
    readonly controlPlane: Pick<RelayConfig["controlPlane"], "url">;
  };
  readonly credentials: Pick<RelayCredentials, "credential" | "siteId">;
  readonly client: Pick<ControlPlaneClient, "fetchImageManifest">;
  readonly sync: Pick<StateSync, "current" | "noteRevision" | "refresh">;
  readonly onEvent: EventSink;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly proxy?: ProxyEnvironment;
};

const NO_KEYS: readonly RelayImageKey[] = [];

/** Starts the image cache of a relay with the site's keys, and fetches what its orders will need. */
export async function startImageCache(options: StartImageCacheOptions): Promise<ImageCache> {
  const { config, credentials, client, sync, onEvent, log, now = Date.now, proxy } = options;
  const { credential, siteId } = credentials;
  const keys = (): readonly RelayImageKey[] => sync.current()?.imageKeys ?? NO_KEYS;
  const cache = await createImageCache({
    config: config.cache,
    folder: join(config.stateDir, "cache", "objects"),
    grants: createGrants({ siteId, keys, refreshKeys: () => sync.refresh(), now }),
    manifests: createManifests({ client, folder: join(config.stateDir, "cache", "manifests"), log }),
    origin: createOrigin({
      ...{ url: config.controlPlane.url, credential, siteId, keys, now },
      onRevision: (revision) => sync.noteRevision(revision),
      ...(proxy !== undefined && { proxy }),
    }),
    onEvent,
    log,
  });
  cache.prefetch(sync.current()?.prefetch ?? []);
  return cache;
}
