import { randomUUID } from "node:crypto";
import type { Logger } from "pino";

import type { Mac } from "../../core/addresses.ts";
import {
  MAX_EVENTS_PER_POST,
  type BootEvent,
  type BootEventInput,
  type CallbackName,
  type EventDetail,
  type EventSink,
} from "../../core/relay-protocol/events.ts";
import { JournalStore } from "./journal-store.ts";

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

/** A callback that is acknowledged here because the control plane cannot be told now. */
export type HeardCallback = {
  readonly id: string;
  /** When it was heard, ISO 8601. */
  readonly at: string;
  readonly mac: Mac | null;
  readonly name: CallbackName;
  readonly capabilityHash: string;
  readonly message: string;
};

/** Events on their way to the control plane: on disk first, delivered in order, at least once. */
export type Journal = {
  /** Takes an event; returns at once and never throws. */
  readonly sink: EventSink;
  /** Whether callbacks wait here: one that comes now must not overtake them. */
  hasCallbacks(): boolean;
  /** Takes a callback; resolves once it would survive a power cut. @throws when it cannot be written */
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

/** A day without the WAN in which 200 machines boot ten times each stays well below both. */
const MAX_EVENTS = 200_000;
const MAX_BYTES = 128 * 1024 * 1024;
const LONGEST_PAUSE_MS = 60_000;

type Waiting = {
  readonly event: BootEvent;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
};

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
  let pending: BootEvent[] = [];
  /** Callbacks among what comes next to disk, and who waits for them. */
  let waiting: Waiting[] = [];
  let commit: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let failures = 0;
  let batchSize = MAX_EVENTS_PER_POST;
  let diskFailed = false;
  const counters = { delivered: 0, rejected: 0, dropped: 0 };

  if (store.count > 0) schedule(0);

  function take(input: BootEventInput): void {
    if (stopping.signal.aborted) return;
    pending.push({ ...input, id: randomUUID(), at: new Date(now()).toISOString() });
    commitSoon();
  }

  function recordCallback({ message, ...heard }: HeardCallback): Promise<void> {
    if (stopping.signal.aborted) return Promise.reject(new Error("the relay is stopping"));
    return new Promise((resolve, reject) => {
      const detail: EventDetail = message === "" ? {} : { message };
      waiting.push({ event: { ...heard, stage: "callback", detail }, resolve, reject });
      commitSoon();
    });
  }

  /** One transaction for all that a turn of the event loop brings. */
  function commitSoon(): void {
    commit ??= setImmediate(() => {
      write();
      schedule();
    });
  }

  function write(): void {
    clearImmediate(commit);
    commit = undefined;
    if (pending.length === 0 && waiting.length === 0) return;
    const [callbacks, durable] = [waiting, waiting.length > 0];
    waiting = [];
    try {
      const dropped = store.append([...pending, ...callbacks.map(({ event }) => event)], durable);
      pending = [];
      diskFailed = false;
      counters.dropped += dropped;
      if (dropped > 0) logDropped(dropped);
    } catch (error) {
      // Whoever sent it is told, and will send it again.
      for (const { reject } of callbacks) reject(error as Error);
      keepInMemory(error);
      return;
    }
    for (const { resolve } of callbacks) resolve();
  }

  /** A full disk must not take the memory too; the next event or delivery tries again. */
  function keepInMemory(error: unknown): void {
    if (!diskFailed) log.error({ err: error, file }, "events cannot be written; they are kept in memory");
    diskFailed = true;
    const surplus = pending.length - maxEvents;
    if (surplus <= 0) return;
    counters.dropped += surplus;
    pending = pending.slice(surplus);
  }

  let droppedUntold = 0;
  let droppedToldAt = Number.NEGATIVE_INFINITY;

  function logDropped(count: number): void {
    droppedUntold += count;
    if (now() - droppedToldAt < 60_000) return;
    log.error({ dropped: droppedUntold }, "the journal is full; the least important events are dropped");
    [droppedUntold, droppedToldAt] = [0, now()];
  }

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

  function schedule(delayMs = failures === 0 ? gatherMs : pauseMs()): void {
    if (stopping.signal.aborted || timer !== undefined || running !== undefined) return;
    timer = setTimeout(() => void drain(), delayMs);
  }

  function drain(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    running ??= deliverAll().finally(() => {
      running = undefined;
      if (store.count > 0 || pending.length > 0) schedule();
    });
    return running;
  }

  /** 50 % to 100 % of 1, 2, 4 … 60 seconds: relays cut off together do not come back together. */
  function pauseMs(): number {
    return Math.min(retryMs * 2 ** (failures - 1), LONGEST_PAUSE_MS) * (0.5 + random() / 2);
  }

  async function deliverAll(): Promise<void> {
    try {
      write();
      while (store.count > 0 && !stopping.signal.aborted) {
        if (!(await deliverBatch())) return;
      }
    } catch (error) {
      failures++;
      log.error({ err: error, file }, "the journal of events cannot be read");
    }
  }

  /** Whether to go on with the next. */
  async function deliverBatch(): Promise<boolean> {
    const batch = store.first(batchSize);
    const last = batch.at(-1);
    if (last === undefined) return false;
    const outcome = await deliver(
      batch.map(({ event }) => event),
      stopping.signal,
    );
    if (stopping.signal.aborted && outcome.kind !== "delivered") return false;
    switch (outcome.kind) {
      case "delivered":
        counters.delivered += batch.length - outcome.rejected.length;
        counters.rejected += outcome.rejected.length;
        for (const { index, message } of outcome.rejected) {
          log.warn({ event: batch[index]?.event, message }, "the control plane did not want an event");
        }
        if (failures > 0) log.info("events are being delivered again");
        failures = 0;
        batchSize = MAX_EVENTS_PER_POST;
        store.deleteThrough(last.seq);
        tellDropped();
        return true;
      case "later":
        if (failures === 0) log.warn({ reason: outcome.reason }, "events cannot be delivered; they are kept");
        failures++;
        return false;
      case "refused":
        refuse(batch.length, last.seq, outcome.reason);
        return true;
    }
  }

  /** One event that the control plane refuses must not hold up those behind it: halve until it is alone. */
  function refuse(count: number, seq: number, reason: string): void {
    if (count > 1) {
      batchSize = Math.ceil(count / 2);
      return;
    }
    log.error({ reason }, "an event was refused and is dropped");
    counters.rejected += 1;
    store.deleteThrough(seq);
  }

  return {
    sink: take,
    hasCallbacks: () => waiting.length > 0 || store.hasCallbacks,
    recordCallback,
    stats: () => ({
      waiting: store.count + pending.length,
      waitingBytes: store.bytes,
      ...counters,
      diskFailed,
    }),
    async flush() {
      await running;
      await drain();
    },
    async stop() {
      if (stopping.signal.aborted) return;
      write();
      stopping.abort();
      clearTimeout(timer);
      await running;
      write();
      store.close();
    },
  };
}
