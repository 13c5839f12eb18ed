import type { DatabaseSync, StatementSync } from "node:sqlite";

import type { BootEvent, Stage } from "../../core/relay-protocol/events.ts";
import { openDatabase } from "../database.ts";
import { LOG_IS_OURS, WriteAheadLog } from "../write-ahead-log.ts";
import { IMPORTANCE, importanceOf } from "./importance.ts";

/** An event with its place in the queue. */
export type QueuedEvent = { readonly seq: number; readonly event: BootEvent };

/** How much the queue holds at most. */
export type JournalBounds = { readonly maxEvents: number; readonly maxBytes: number };

/** How many events of each stage were lost. */
export type DroppedEvents = Partial<Record<Stage, number>>;

const SCHEMA = `
  CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    json TEXT NOT NULL,
    stage TEXT NOT NULL DEFAULT 'http',
    importance INTEGER NOT NULL DEFAULT 1
  ) STRICT;
  CREATE INDEX event_by_importance ON event (importance, seq);
  CREATE TABLE dropped (stage TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID`;

/** The first format knew neither stages nor what was lost. */
const MIGRATIONS = {
  1: `ALTER TABLE event ADD COLUMN stage TEXT NOT NULL DEFAULT 'http';
      ALTER TABLE event ADD COLUMN importance INTEGER NOT NULL DEFAULT 1;
      CREATE INDEX event_by_importance ON event (importance, seq);
      CREATE TABLE dropped (stage TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
};

/** Dropped at a time when the bytes are too many: few enough to drop little too much. */
const DROP_STEP = 32;

/** Events appended before the log is moved. */
const MAX_LOGGED = 2000;
const PAGES_AN_EVENT = 4;

/**
 * A queue of events on disk, bounded by dropping the least important first, the
 * oldest of those first; what was dropped is counted in the same transaction.
 *
 * A crash of the process loses nothing of what was appended, a power cut
 * nothing of what came before a `sync`. While the log is long, it is to be
 * moved, and nothing to be written in that time.
 */
export class JournalStore {
  readonly #database: DatabaseSync;
  readonly #bounds: JournalBounds;
  readonly #insert: StatementSync;
  readonly #first: StatementSync;
  readonly #deleteThrough: StatementSync;
  readonly #deleteLeast: StatementSync;
  readonly #noteDropped: StatementSync;
  readonly #dropped: StatementSync;
  readonly #hasOf: StatementSync;
  readonly #log: WriteAheadLog;
  /** Events appended since the log began, about. */
  #logged: number;
  #count: number;
  #bytes: number;

  /** @throws what node:sqlite throws when the file cannot be opened or written */
  constructor(file: string, bounds: JournalBounds, onDamaged: (aside: string) => void) {
    const database = openDatabase({
      file,
      version: 2,
      schema: SCHEMA,
      migrations: MIGRATIONS,
      pragmas: LOG_IS_OURS,
      onDamaged,
    });
    this.#log = new WriteAheadLog(file);
    this.#logged = this.#log.pagesFound / PAGES_AN_EVENT;
    this.#database = database;
    this.#bounds = bounds;
    this.#insert = database.prepare("INSERT INTO event (json, stage, importance) VALUES (?, ?, ?)");
    this.#first = database.prepare("SELECT seq, json FROM event WHERE seq > ? ORDER BY seq LIMIT ?");
    this.#deleteThrough = database.prepare(
      "DELETE FROM event WHERE seq <= ? RETURNING octet_length(json) AS bytes",
    );
    this.#deleteLeast = database.prepare(
      `DELETE FROM event WHERE seq IN (SELECT seq FROM event ORDER BY importance, seq LIMIT ?)
       RETURNING stage, octet_length(json) AS bytes`,
    );
    this.#noteDropped = database.prepare(
      `INSERT INTO dropped (stage, count) VALUES (?, 1)
       ON CONFLICT (stage) DO UPDATE SET count = count + 1`,
    );
    this.#dropped = database.prepare("SELECT stage, count FROM dropped");
    this.#hasOf = database.prepare("SELECT 1 FROM event WHERE importance = ? LIMIT 1");
    const held = database
      .prepare("SELECT count(*) AS count, coalesce(sum(octet_length(json)), 0) AS bytes FROM event")
      .get();
    ({ count: this.#count, bytes: this.#bytes } = held as { count: number; bytes: number });
  }

  /** Events waiting. */
  get count(): number {
    return this.#count;
  }

  /** Of their JSON. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether callbacks wait that were acknowledged here. */
  get hasCallbacks(): boolean {
    return this.#hasOf.get(IMPORTANCE.CALLBACK) !== undefined;
  }

  /** Appends events in one transaction and drops what is then too many; returns how many. */
  append(events: readonly BootEvent[]): number {
    this.#logged += events.length;
    return this.#transaction(() => {
      for (const event of events) this.#add(event);
      return this.#shrink();
    });
  }

  /** Waits, off the event loop, until all that was appended survives a power cut. @throws what node:fs throws */
  async sync(): Promise<void> {
    await this.#log.sync();
  }

  get isLogLong(): boolean {
    return this.#logged >= MAX_LOGGED;
  }

  /** Off the event loop. @throws what node:sqlite throws */
  async moveLog(): Promise<void> {
    this.#logged = 0;
    await this.#log.checkpoint();
  }

  /** What was dropped and not told yet. */
  dropped(): DroppedEvents {
    const rows = this.#dropped.all() as { stage: Stage; count: number }[];
    return Object.fromEntries(rows.map(({ stage, count }) => [stage, count]));
  }

  /** Appends the event that tells what was dropped, and forgets that, in one. */
  appendDropped(event: BootEvent): void {
    this.#transaction(() => {
      this.#database.exec("DELETE FROM dropped");
      this.#add(event);
    });
  }

  /** The oldest events behind one, in order. */
  first(limit: number, after: number): QueuedEvent[] {
    const rows = this.#first.all(after, limit) as { seq: number; json: string }[];
    return rows.map(({ seq, json }) => ({ seq, event: JSON.parse(json) as BootEvent }));
  }

  /** Forgets all events up to and including one. */
  deleteThrough(seq: number): void {
    for (const { bytes } of this.#deleteThrough.all(seq) as { bytes: number }[]) {
      this.#count--;
      this.#bytes -= bytes;
    }
  }

  /** Nothing may wait for the disk any more. */
  close(): void {
    this.#database.close();
    this.#log.close();
  }

  #add(event: BootEvent): void {
    const json = JSON.stringify(event);
    this.#insert.run(json, event.stage, importanceOf(event));
    this.#count++;
    this.#bytes += Buffer.byteLength(json);
  }

  #shrink(): number {
    const { maxEvents, maxBytes } = this.#bounds;
    let dropped = 0;
    for (;;) {
      const surplus = this.#bytes > maxBytes ? DROP_STEP : this.#count - maxEvents;
      if (surplus <= 0 || this.#count === 0) return dropped;
      for (const { stage, bytes } of this.#deleteLeast.all(surplus) as { stage: string; bytes: number }[]) {
        this.#noteDropped.run(stage);
        this.#count--;
        this.#bytes -= bytes;
        dropped++;
      }
    }
  }

  #transaction<T>(run: () => T): T {
    const [count, bytes] = [this.#count, this.#bytes];
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = run();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      [this.#count, this.#bytes] = [count, bytes];
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}
