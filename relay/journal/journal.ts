import { randomUUID } from "node:crypto";
import type { Logger } from "pino";

import {
  MAX_EVENTS_PER_POST,
  type BootEvent,
  type BootEventInput,
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
  /** Beyond so many the oldest are dropped. */
  readonly maxEvents?: number;
  /** How long a first event waits for company. */
  readonly gatherMs?: number;
  /** The first pause after a failed delivery; it doubles up to a minute. */
  readonly retryMs?: number;
};

/** Events on their way to the control plane: on disk first, delivered in order, at least once. */
export type Journal = {
  /** Takes an event; returns at once and never throws. */
  readonly sink: EventSink;
  /** Writes what is in memory, then delivers until the queue is empty or a delivery fails. */
  flush(): Promise<void>;
  /** Writes what is in memory and closes; what is undelivered waits for the next start. */
  stop(): Promise<void>;
};

const MAX_EVENTS = 100_000;
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
  gatherMs = 500,
  retryMs = 1000,
}: JournalOptions): Journal {
  const store = JournalStore.open(file, (aside) =>
    log.error({ aside }, "the journal of events is damaged; it was set aside, and a new one begun"),
  );
  const stopping = new AbortController();
  let pending: BootEvent[] = [];
  let commit: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let failures = 0;
  let batchSize = MAX_EVENTS_PER_POST;
  let diskFailed = false;

  if (store.count > 0) schedule(0);

  function take(input: BootEventInput): void {
    if (stopping.signal.aborted) return;
    pending.push({ ...input, id: randomUUID(), at: new Date(now()).toISOString() });
    // One transaction for all that a turn of the event loop brings.
    commit ??= setImmediate(() => {
      write();
      schedule();
    });
  }

  function write(): void {
    clearImmediate(commit);
    commit = undefined;
    if (pending.length === 0) return;
    try {
      const dropped = store.append(pending, maxEvents);
      pending = [];
      diskFailed = false;
      if (dropped > 0) reportDropped(dropped);
    } catch (error) {
      keepInMemory(error);
    }
  }

  /** A full disk must not take the memory too; the next event or delivery tries again. */
  function keepInMemory(error: unknown): void {
    if (!diskFailed) log.error({ err: error, file }, "events cannot be written; they are kept in memory");
    diskFailed = true;
    if (pending.length > maxEvents) pending = pending.slice(-maxEvents);
  }

  let droppedUntold = 0;
  let droppedToldAt = Number.NEGATIVE_INFINITY;

  /** Once a minute at most: the note about a full journal takes a place in it, too. */
  function reportDropped(count: number): void {
    droppedUntold += count;
    if (now() - droppedToldAt < 60_000) return;
    const dropped = droppedUntold;
    droppedUntold = 0;
    droppedToldAt = now();
    log.error({ dropped, maxEvents }, "the journal is full; the oldest events were dropped");
    take({
      mac: null,
      stage: "http",
      name: "failed",
      detail: {
        method: "POST",
        path: "/relay/v1/events",
        reason: "the journal was full: the oldest events were dropped",
        dropped,
      },
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
        for (const { index, message } of outcome.rejected) {
          log.warn({ event: batch[index]?.event, message }, "the control plane did not want an event");
        }
        if (failures > 0) log.info("events are being delivered again");
        failures = 0;
        batchSize = MAX_EVENTS_PER_POST;
        store.deleteThrough(last.seq);
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
    store.deleteThrough(seq);
  }

  return {
    sink: take,
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
