import { randomUUID } from "node:crypto";
import type { Logger } from "pino";

import type { Mac } from "../../core/addresses.ts";
import type {
  BootEvent,
  BootEventInput,
  CallbackName,
  EventDetail,
  EventSink,
} from "../../core/relay-protocol/events.ts";
import type { JournalStore } from "./journal-store.ts";

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

export type JournalWriterOptions = {
  readonly store: JournalStore;
  /** Its path, for the log. */
  readonly file: string;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Beyond so many that cannot be written, the oldest are dropped. */
  readonly maxEvents: number;
  /** Told after what a turn of the event loop brought was written, or could not be. */
  readonly onWritten: () => void;
};

/** Brings events and callbacks to the disk, in one transaction for all that a turn of the event loop brings. */
export type JournalWriter = {
  readonly take: EventSink;
  /** @throws when it cannot be written, or the disk does not confirm it: it may be delivered all the same then */
  readonly recordCallback: (callback: HeardCallback) => Promise<void>;
  /** Events that are in memory only, oldest first. */
  readonly unwritten: readonly BootEvent[];
  /** Events given up, in memory and on disk. */
  readonly dropped: number;
  readonly diskFailed: boolean;
  /** Whether callbacks are in memory only. */
  hasCallbacks(): boolean;
  /** Leaves out what was delivered without having been written. */
  forget(events: readonly BootEvent[]): void;
  /** Writes what is in memory now. */
  write(): void;
  /** Resolves when the store's log is not being moved, and others may write to it. */
  undisturbed(): Promise<void>;
  /** Takes nothing more, and resolves when all is written and nothing waits for the disk; never rejects. */
  stop(others: Promise<void> | undefined): Promise<void>;
};

type Waiting = {
  readonly event: BootEvent;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
};

export function createJournalWriter(options: JournalWriterOptions): JournalWriter {
  const { store, file, log, now, maxEvents, onWritten } = options;
  let pending: BootEvent[] = [];
  /** Callbacks among what comes next to disk, and who waits for them. */
  let waiting: Waiting[] = [];
  let commit: NodeJS.Immediate | undefined;
  /** While the store's log is moved: nothing is written then, so that it can begin anew. */
  let moving: Promise<void> | undefined;
  /** Ends with all waits for the disk; never rejects. */
  let syncing: Promise<void> = Promise.resolve();
  let diskFailed = false;
  let dropped = 0;
  let stopped = false;

  function take(input: BootEventInput): void {
    if (stopped) return;
    pending.push({ ...input, id: randomUUID(), at: new Date(now()).toISOString() });
    commitSoon();
  }

  function recordCallback({ message, ...heard }: HeardCallback): Promise<void> {
    if (stopped) return Promise.reject(new Error("the relay is stopping"));
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
      onWritten();
    });
  }

  function write(): void {
    clearImmediate(commit);
    commit = undefined;
    if (pending.length === 0 && waiting.length === 0) return;
    if (moving !== undefined) {
      boundMemory();
      return;
    }
    const callbacks = waiting;
    waiting = [];
    try {
      const surplus = store.append([...pending, ...callbacks.map(({ event }) => event)]);
      pending = [];
      diskFailed = false;
      dropped += surplus;
      if (surplus > 0) logDropped(surplus);
    } catch (error) {
      // Whoever sent it is told, and will send it again.
      for (const { reject } of callbacks) reject(error as Error);
      noteDiskFailure(error, "events cannot be written; they are kept in memory");
      boundMemory();
      return;
    }
    if (callbacks.length > 0) {
      const before = syncing;
      syncing = acknowledge(callbacks).then(() => before);
    }
    if (store.isLogLong && !stopped) moving = moveLog();
  }

  /** Off the event loop: other machines' DHCP does not wait for this disk. Never rejects. */
  async function acknowledge(callbacks: readonly Waiting[]): Promise<void> {
    try {
      await store.sync();
      for (const { resolve } of callbacks) resolve();
    } catch (error) {
      noteDiskFailure(error, "callbacks cannot be written for good; they are not acknowledged");
      for (const { reject } of callbacks) reject(error as Error);
    }
  }

  /** Never rejects. */
  async function moveLog(): Promise<void> {
    try {
      await store.moveLog();
    } catch (error) {
      noteDiskFailure(error, "the log of the events' database cannot be moved; it grows");
    }
    moving = undefined;
    write();
  }

  function noteDiskFailure(error: unknown, message: string): void {
    if (!diskFailed) log.error({ err: error, file }, message);
    diskFailed = true;
  }

  /** A full disk must not take the memory too; the next event or delivery tries again. */
  function boundMemory(): void {
    const surplus = pending.length - maxEvents;
    if (surplus <= 0) return;
    dropped += surplus;
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

  return {
    take,
    recordCallback,
    get unwritten() {
      return pending;
    },
    get dropped() {
      return dropped;
    },
    get diskFailed() {
      return diskFailed;
    },
    hasCallbacks: () => waiting.length > 0,
    forget(events) {
      const gone = new Set(events);
      pending = pending.filter((event) => !gone.has(event));
    },
    write,
    undisturbed: async () => moving,
    async stop(others) {
      write();
      stopped = true;
      await others;
      await moving;
      write();
      await syncing;
    },
  };
}
