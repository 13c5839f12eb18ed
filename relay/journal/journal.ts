import { randomUUID } from "node:crypto";
import type { Logger } from "pino";

import { MAX_EVENTS_PER_POST, type BootEvent, type EventSink } from "../../core/relay-protocol/events.ts";
import { JournalStore } from "./journal-store.ts";
import { createJournalWriter, type HeardCallback } from "./journal-writer.ts";

/**
 * What came of a delivery:
 * - `delivered`: they are the control plane's now; `rejected` (positions in the batch) it did not want
 * - `later`: try again after a while
 * - `refused`: never these
 */
export type Delivery =
  | { readonly kind: "delivered"; readonly rejected: readonly { index: number; message: string }[] }
  | { readonly kind: "later"; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string };

export type JournalOptions = {
  /** The database's path. */
  readonly file: string;
  /** Must not throw; at most `MAX_EVENTS_PER_POST` events at once, oldest first. */
  readonly deliver: (events: readonly BootEvent[], signal: AbortSignal) => Promise<Delivery>;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
  /** Beyond so many, the least important are dropped. */
  readonly maxEvents?: number;
  readonly maxBytes?: number;
  /** How long a first event waits for company. */
  readonly gatherMs?: number;
  /** The first pause after a failed delivery; it doubles up to a minute. */
  readonly retryMs?: number;
};

/** Events on their way to the control plane: on disk first, delivered in order, at least once. */
export type Journal = {
  /** Takes an event; returns at once and never throws. */
  readonly sink: EventSink;
  /** Whether callbacks wait here: one that comes now must not overtake them. */
  hasCallbacks(): boolean;
  /**
   * Takes a callback; resolves once it would survive a power cut.
   *
   * @throws when it cannot be written, or the disk does not confirm it: it may be delivered all the same then
   */
  recordCallback(callback: HeardCallback): Promise<void>;
  stats(): JournalStats;
  /** Writes what is in memory, then delivers until the queue is empty or a delivery fails. */
  flush(): Promise<void>;
  /** Writes what is in memory and closes; what is undelivered waits for the next start. */
  stop(): Promise<void>;
};

/** What waits now, and counters since the start. */
export type JournalStats = {
  /** Events that the control plane does not have yet. */
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly delivered: number;
  /** Delivered and not wanted, one by one or as a whole. */
  readonly rejected: number;
  /** Given up because the journal was full. */
  readonly dropped: number;
  /** The disk does not take events: they wait in memory. */
  readonly diskFailed: boolean;
};

/** Events that are delivered together; `forget` when they are. */
type Batch = { readonly events: readonly BootEvent[]; readonly forget: () => void };

/** A day without the WAN in which 200 machines boot ten times each stays well below both. */
const MAX_EVENTS = 200_000;
const MAX_BYTES = 128 * 1024 * 1024;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Opens the journal and begins to deliver what an earlier run left.
 *
 * @throws what node:sqlite throws when the file cannot be opened or written
 */
export function createJournal({
  file,
  deliver,
  log,
  now = Date.now,
  random = Math.random,
  maxEvents = MAX_EVENTS,
  maxBytes = MAX_BYTES,
  gatherMs = 500,
  retryMs = 1000,
}: JournalOptions): Journal {
  const store = new JournalStore(file, { maxEvents, maxBytes }, (aside) =>
    log.error({ aside }, "the journal of events is damaged; it was set aside, and a new one begun"),
  );
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let failures = 0;
  let batchSize = MAX_EVENTS_PER_POST;
  const counters = { delivered: 0, rejected: 0 };
  /** The last that was delivered, and whether it, or one before, could not be removed. */
  let deliveredThrough = 0;
  let isStuck = false;
  const writer = createJournalWriter({ store, file, log, now, maxEvents, onWritten: () => schedule() });

  if (store.count > 0) schedule(0);

  /** Says what was lost where there is somebody to hear it: one event, behind all that was kept. */
  function tellDropped(): void {
    const dropped = store.dropped();
    if (Object.keys(dropped).length === 0) return;
    store.appendDropped({
      id: randomUUID(),
      at: new Date(now()).toISOString(),
      mac: null,
      stage: "http",
      name: "dropped",
      detail: dropped,
    });
  }

  function schedule(delayMs = failures === 0 && !isStuck ? gatherMs : pauseMs()): void {
    if (stopping.signal.aborted || timer !== undefined || running !== undefined) return;
    timer = setTimeout(() => void drain(), delayMs);
  }

  function drain(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    running ??= deliverAll().finally(() => {
      running = undefined;
      if (store.count + writer.unwritten.length > 0) schedule();
    });
    return running;
  }

  /** 50 % to 100 % of 1, 2, 4 … 60 seconds: relays cut off together do not come back together. */
  function pauseMs(): number {
    return Math.min(retryMs * 2 ** Math.max(0, failures - 1), LONGEST_PAUSE_MS) * (0.5 + random() / 2);
  }

  async function deliverAll(): Promise<void> {
    try {
      writer.write();
      if (isStuck) forgetDelivered();
      while (!stopping.signal.aborted) {
        if (!(await deliverBatch())) return;
      }
    } catch (error) {
      if (failures === 0) log.error({ err: error, file }, "the journal of events cannot be read");
      failures++;
    }
  }

  /**
   * What is on the disk comes first. What that does not take is delivered
   * nevertheless: it may be what says that the disk is full.
   */
  function nextBatch(): Batch | undefined {
    const stored = store.first(batchSize, deliveredThrough);
    const last = stored.at(-1);
    if (last !== undefined) {
      return {
        events: stored.map(({ event }) => event),
        forget() {
          deliveredThrough = last.seq;
          forgetDelivered();
        },
      };
    }
    const events = writer.diskFailed ? writer.unwritten.slice(0, batchSize) : [];
    return events.length === 0 ? undefined : { events, forget: () => writer.forget(events) };
  }

  /** A full disk cannot even do that: it is tried again, and nothing is delivered again meanwhile. */
  function forgetDelivered(): void {
    try {
      store.deleteThrough(deliveredThrough);
      tellDropped();
      isStuck = false;
    } catch (error) {
      if (!isStuck)
        log.error({ err: error, file }, "delivered events cannot be removed from the journal yet");
      isStuck = true;
    }
  }

  /** Whether to go on with the next. */
  async function deliverBatch(): Promise<boolean> {
    const batch = nextBatch();
    if (batch === undefined) return false;
    const { events } = batch;
    const outcome = await deliver(events, stopping.signal);
    if (stopping.signal.aborted && outcome.kind !== "delivered") return false;
    await writer.undisturbed();
    switch (outcome.kind) {
      case "delivered":
        counters.delivered += events.length - outcome.rejected.length;
        counters.rejected += outcome.rejected.length;
        for (const { index, message } of outcome.rejected) {
          log.warn({ event: events[index], message }, "the control plane did not want an event");
        }
        batchSize = MAX_EVENTS_PER_POST;
        batch.forget();
        if (failures > 0) log.info("events are being delivered again");
        failures = 0;
        return true;
      case "later":
        if (failures === 0) log.warn({ reason: outcome.reason }, "events cannot be delivered; they are kept");
        failures++;
        return false;
      case "refused":
        refuse(batch, outcome.reason);
        return true;
    }
  }

  /** One event that the control plane refuses must not hold up those behind it: halve until it is alone. */
  function refuse({ events, forget }: Batch, reason: string): void {
    if (events.length > 1) {
      batchSize = Math.ceil(events.length / 2);
      return;
    }
    log.error({ reason }, "an event was refused and is dropped");
    counters.rejected += 1;
    forget();
  }

  return {
    sink: writer.take,
    hasCallbacks: () => writer.hasCallbacks() || store.hasCallbacks,
    recordCallback: writer.recordCallback,
    stats: () => ({
      waiting: store.count + writer.unwritten.length,
      waitingBytes: store.bytes,
      ...counters,
      dropped: writer.dropped,
      diskFailed: writer.diskFailed,
    }),
    async flush() {
      await running;
      await writer.undisturbed();
      await drain();
    },
    async stop() {
      if (stopping.signal.aborted) return;
      stopping.abort();
      clearTimeout(timer);
      await writer.stop(running);
      store.close();
    },
  };
}
