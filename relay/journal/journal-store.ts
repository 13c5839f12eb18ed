import { renameSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";

import type { BootEvent } from "../../core/relay-protocol/events.ts";

/** An event with its place in the queue. */
export type QueuedEvent = { readonly seq: number; readonly event: BootEvent };

const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE event (seq INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL) STRICT;
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** SQLITE_CORRUPT and SQLITE_NOTADB: the file is no database (any more). */
const DAMAGED = new Set([11, 26]);

/**
 * A queue of events on disk, bounded by dropping the oldest.
 *
 * Write-ahead log with `synchronous=NORMAL`: a crash of the process loses
 * nothing, a power cut may lose the last events. That is the price of never
 * making DHCP wait for the disk; a lost event costs a line in a timeline.
 */
export class JournalStore {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #first: StatementSync;
  readonly #deleteThrough: StatementSync;
  readonly #deleteOldest: StatementSync;
  #count: number;

  private constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insert = database.prepare("INSERT INTO event (json) VALUES (?)");
    this.#first = database.prepare("SELECT seq, json FROM event ORDER BY seq LIMIT ?");
    this.#deleteThrough = database.prepare("DELETE FROM event WHERE seq <= ?");
    this.#deleteOldest = database.prepare(
      "DELETE FROM event WHERE seq IN (SELECT seq FROM event ORDER BY seq LIMIT ?)",
    );
    this.#count = (database.prepare("SELECT count(*) AS count FROM event").get() as { count: number }).count;
  }

  /**
   * Opens the queue. A damaged file is set aside as `FILE.damaged`, told to
   * `onDamaged`, and a new one begun: no lost event is worth a site that does not boot.
   *
   * @throws what node:sqlite throws when the file cannot be opened or written
   */
  static open(file: string, onDamaged: (aside: string) => void): JournalStore {
    try {
      return new JournalStore(openDatabase(file));
    } catch (error) {
      if (!DAMAGED.has((error as { errcode?: number }).errcode ?? 0)) throw error;
      const aside = `${file}.damaged`;
      renameSync(file, aside);
      onDamaged(aside);
      return new JournalStore(openDatabase(file));
    }
  }

  /** Events waiting. */
  get count(): number {
    return this.#count;
  }

  /** Appends events in one transaction, then drops the oldest beyond `maxEvents`; returns how many. */
  append(events: readonly BootEvent[], maxEvents: number): number {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      for (const event of events) this.#insert.run(JSON.stringify(event));
      const surplus = Math.max(0, this.#count + events.length - maxEvents);
      if (surplus > 0) this.#deleteOldest.run(surplus);
      this.#database.exec("COMMIT");
      this.#count += events.length - surplus;
      return surplus;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** The oldest events, in order. */
  first(limit: number): QueuedEvent[] {
    const rows = this.#first.all(limit) as { seq: number; json: string }[];
    return rows.map(({ seq, json }) => ({ seq, event: JSON.parse(json) as BootEvent }));
  }

  /** Forgets all events up to and including one. */
  deleteThrough(seq: number): void {
    this.#count -= Number(this.#deleteThrough.run(seq).changes);
  }

  close(): void {
    this.#database.close();
  }
}

function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 5000 });
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    const { user_version: version } = database.prepare("PRAGMA user_version").get() as {
      user_version: number;
    };
    if (version > SCHEMA_VERSION)
      throw new Error(`${file} was written by a newer release, format ${version}`);
    if (version === 0) database.exec(`BEGIN; ${SCHEMA} COMMIT`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
