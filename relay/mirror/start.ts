import { join } from "node:path";
import type { LookupFunction } from "node:net";
import type { Logger } from "pino";

import type { EventSink } from "../../core/relay-protocol/events.ts";
import type { RelayConfig } from "../config/model.ts";
import { createEventSampler } from "../http/event-sampler.ts";
import { EntryStore } from "./entry-store.ts";
import { createMirror, type Mirror } from "./mirror.ts";
import { createMirrorOrigin } from "./origin.ts";

export type StartMirrorOptions = {
  readonly stateDir: string;
  readonly maxBytes: number;
  /** For the configured upstreams. */
  readonly lookup: LookupFunction;
  readonly log: Logger;
  readonly onEvent: EventSink;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
};

/** Of `cache.maxBytes`, where there are mirrors and nothing else is configured. */
const MIRROR_SHARE = 1 / 4;
/** One file must not push out everything else. */
const LARGEST_FILE_SHARE = 1 / 4;

/** What keeps happening is told now and then. */
const EVENTS_PER_MINUTE = 5;

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

/** Starts the cache of the package mirrors. A folder that cannot be used is told, and done without. */
export function startMirror(options: StartMirrorOptions): StartedMirror {
  const { stateDir, maxBytes, lookup, log, onEvent, now = Date.now } = options;
  const folder = join(stateDir, "mirror");
  const origin = createMirrorOrigin({ lookup });
  const sampler = createEventSampler({
    now: () => performance.now(),
    perMinute: EVENTS_PER_MINUTE,
    maxKeys: 1,
  });
  let room = maxBytes;
  let store = open();
  let mirror = create();

  function onUncached(path: string | undefined, reason: string): void {
    const suppressed = sampler.admit("");
    if (suppressed === undefined) return;
    const detail = { ...(path !== undefined && { path }), reason, ...(suppressed > 0 && { suppressed }) };
    log.error(detail, "files of mirrors cannot be kept: they are passed on");
    onEvent({ mac: null, stage: "http", name: "uncached", detail });
  }

  /** Nothing is made on the disk before there is a mirror. */
  function open(): EntryStore | undefined {
    if (room === 0) return undefined;
    const onDamaged = (aside: string): void =>
      log.error({ aside }, "the mirrors' index is damaged; it was set aside, and a new one begun");
    try {
      return new EntryStore({ folder, maxBytes: room, now, onDamaged });
    } catch (error) {
      onUncached(undefined, `the mirrors' cache ${folder} cannot be used: ${(error as Error).message}`);
      return undefined;
    }
  }

  function create(): Mirror {
    const maxFileBytes = (): number => room * LARGEST_FILE_SHARE;
    return createMirror({ store, origin, maxFileBytes, now, log, onUncached });
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
