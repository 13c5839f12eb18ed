import type { Logger } from "pino";

import type { RelayState } from "../core/relay-protocol/state.ts";
import type { FileRoot } from "./boot-files/file-root.ts";
import type { ImageCache } from "./cache/image-cache.ts";
import type { RelayConfig } from "./config/model.ts";
import type { Contact } from "./control-plane/contact.ts";
import { createDecider, type BootWait, type Decider } from "./decision/decider.ts";
import { createLastGood } from "./decision/last-good.ts";
import type { LastGoodStore } from "./decision/last-good-store.ts";
import { createExchangeReporter, type ReportExchange } from "./http/exchange-events.ts";
import type { Gate } from "./http/gate.ts";
import { createRequestHandler, type HandleRequest } from "./http/handle-request.ts";
import { createCallbackServer } from "./http/held-callback.ts";
import type { ObserveClient } from "./http/observe-client.ts";
import type { Pacer } from "./http/pacer.ts";
import { createSlots } from "./http/slots.ts";
import type { Upstream } from "./http/upstream.ts";
import type { Mirror } from "./mirror/mirror.ts";
import type { Journal } from "./journal/journal.ts";

export type MachineHttpOptions = {
  readonly upstream: Upstream;
  readonly siteId: string;
  /** What is known of the site. */
  readonly site: () => RelayState | undefined;
  readonly contact: Pick<Contact, "lastAt">;
  /** Asks the control plane for anything, to learn whether it can be reached. */
  readonly probe: () => void;
  readonly lastGood: LastGoodStore;
  readonly images: Pick<ImageCache, "resolve" | "held" | "open">;
  readonly journal: Pick<Journal, "sink" | "hasCallbacks" | "recordCallback">;
  readonly mirror: Mirror;
  /** As they are configured just now. */
  readonly mirrors: () => RelayConfig["mirrors"];
  readonly fileRoot: FileRoot;
  readonly gate: Gate;
  readonly pacer: Pacer;
  readonly observe: ObserveClient;
  /** How long a machine waits for its script at most, as it is configured just now. */
  readonly decisionMs: () => number;
  /** How long answers and callbacks are held; for tests. */
  readonly holdMs?: { readonly answers: number; readonly callbacks: number };
  /** Told of each request that has ended. */
  readonly onExchange?: ReportExchange;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
};

export type MachineHttp = {
  /** Answers machines over HTTP. */
  readonly handle: HandleRequest;
  /** The same for those that speak TFTP, which tells of what it sent by itself. */
  readonly handleForTftp: HandleRequest;
  /** Decides their boots. */
  readonly decider: Decider;
};

/** As the control plane's default; for a site whose state was never fetched. */
const DEFAULT_BOOT_WAIT_SECONDS = 300;

/** Installers wait so long for an answer; a callback goes to the journal earlier, which no installer notices. */
const HOLD_MS = { answers: 30_000, callbacks: 10_000 };
/** Each may hold a body in memory, a callback's also after its client has left. */
const HELD = { total: 256, perClient: 128 };

/** Wires up what machines reach over HTTP. */
export function createMachineHttp({
  upstream,
  siteId,
  site,
  contact,
  probe,
  lastGood,
  images,
  journal,
  mirror,
  mirrors,
  fileRoot,
  gate,
  pacer,
  observe,
  decisionMs,
  holdMs = HOLD_MS,
  onExchange,
  now,
  log,
}: MachineHttpOptions): MachineHttp {
  const bootWaitSeconds: BootWait = (mac) => {
    const state = site();
    if (state === undefined) return DEFAULT_BOOT_WAIT_SECONDS;
    const machine = mac === null ? undefined : state.machines.find(({ macs }) => macs.includes(mac));
    return machine?.diskless ? null : state.site.bootWaitSeconds;
  };
  const decider = createDecider({
    upstream,
    lastGood: createLastGood({ store: lastGood, site, now, log }),
    budgetMs: decisionMs,
    bootWaitSeconds,
    lastAnswerAt: () => contact.lastAt(),
    probe,
    onEvent: journal.sink,
    log,
  });
  const parts = {
    decider,
    images,
    heldAnswers: { upstream, slots: createSlots(HELD), holdMs: holdMs.answers },
    serveCallback: createCallbackServer({
      upstream,
      slots: createSlots(HELD),
      journal,
      siteId,
      holdMs: holdMs.callbacks,
      now,
    }),
    mirror,
    mirrors,
    fileRoot,
    gate,
    pacer,
    observe,
    bootWaitSeconds,
    log,
  };
  const reporting = { sink: journal.sink, log, now: () => performance.now() };
  const report = createExchangeReporter(reporting);
  return {
    handle: createRequestHandler({
      ...parts,
      report(exchange) {
        onExchange?.(exchange);
        report(exchange);
      },
    }),
    handleForTftp: createRequestHandler({
      ...parts,
      report: createExchangeReporter({ ...reporting, onlyFailures: true }),
    }),
    decider,
  };
}
