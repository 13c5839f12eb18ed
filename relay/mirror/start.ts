import { join } from "node:path";
import type { LookupFunction } from "node:net";
import type { Logger } from "pino";

import type { RelayConfig } from "../config/model.ts";
import { EntryStore } from "./entry-store.ts";
import { createMirror, type Mirror } from "./mirror.ts";
import { createMirrorOrigin } from "./origin.ts";

export type StartMirrorOptions = {
  readonly stateDir: string;
  readonly maxBytes: number;
  /** For the configured upstreams. */
  readonly lookup: LookupFunction;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
};

/** Of `cache.maxBytes`, where there are mirrors and nothing else is configured. */
const MIRROR_SHARE = 1 / 4;
/** One file must not push out everything else. */
const LARGEST_FILE_SHARE = 1 / 4;

/** How image files and mirrors share `cache.maxBytes`. */
export function shareDisk({ cache, mirrors }: Pick<RelayConfig, "cache" | "mirrors">): {
  readonly images: number;
  readonly mirrors: number;
} {
  const wanted = cache.mirrorBytes ?? Math.floor(cache.maxBytes * MIRROR_SHARE);
  const share = Object.keys(mirrors).length === 0 ? 0 : wanted;
  return { images: cache.maxBytes - share, mirrors: share };
}

/** The package mirrors' cache, whose room may change. */
export type StartedMirror = Mirror & {
  /** Keeps within so many bytes from now on; what is under way goes on. */
  setMaxBytes(maxBytes: number): void;
};

/** Starts the cache of the package mirrors. A folder that cannot be used is logged, and done without. */
export function startMirror(options: StartMirrorOptions): StartedMirror {
  const { stateDir, maxBytes, lookup, log, now = Date.now } = options;
  const origin = createMirrorOrigin({ lookup });
  let room = maxBytes;
  let store = open();
  let mirror = create();

  /** Nothing is made on the disk before there is a mirror. */
  function open(): EntryStore | undefined {
    return room === 0 ? undefined : openStore(join(stateDir, "mirror"), room, now, log);
  }

  function create(): Mirror {
    return createMirror({ store, origin, maxFileBytes: () => room * LARGEST_FILE_SHARE, now, log });
  }

  return {
    setMaxBytes(next) {
      room = next;
      if (store !== undefined) {
        store.setMaxBytes(room);
        return;
      }
      store = open();
      if (store !== undefined) mirror = create();
    },
    get: (source, path, headers) => mirror.get(source, path, headers),
    send: (source, path, request) => mirror.send(source, path, request),
    stats: () => mirror.stats(),
    stop() {
      mirror.stop();
      store?.close();
    },
  };
}

function openStore(folder: string, maxBytes: number, now: () => number, log: Logger): EntryStore | undefined {
  try {
    return new EntryStore({
      folder,
      maxBytes,
      now,
      onDamaged: (aside) =>
        log.error({ aside }, "the mirrors' index is damaged; it was set aside, and a new one begun"),
    });
  } catch (error) {
    log.error({ err: error, folder }, "the mirrors' cache cannot be used: files are passed on without it");
    return undefined;
  }
}
