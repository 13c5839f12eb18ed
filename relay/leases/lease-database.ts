import { once } from "node:events";
import { closeSync, fdatasync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";

const SCHEMA_VERSION = 3;

/**
 * By address alone: that a client has one lease a subnet is the index's to keep.
 * A second index on disk, in another order, doubles what a commit writes.
 */
const LEASE_TABLE = `
  CREATE TABLE lease (
    address    TEXT PRIMARY KEY,
    subnet     TEXT NOT NULL,
    client_key TEXT NOT NULL,
    mac        TEXT NOT NULL,
    speaker    TEXT NOT NULL,
    hostname   TEXT,
    state      TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    port       TEXT
  ) STRICT, WITHOUT ROWID;
`;
const SCHEMA = `
  ${LEASE_TABLE}
  CREATE TABLE quarantine (
    address TEXT PRIMARY KEY,
    until   INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** What brings a file of an earlier version to the next. */
const MIGRATIONS: Readonly<Record<number, string>> = {
  1: "ALTER TABLE lease ADD COLUMN port TEXT;",
  2: `ALTER TABLE lease RENAME TO lease_2; ${LEASE_TABLE}
      INSERT INTO lease SELECT address, subnet, client_key, mac, speaker, hostname, state, expires_at, port
      FROM lease_2; DROP TABLE lease_2;`,
};

const syncData = promisify(fdatasync);

/**
 * Opens, or makes, the leases' database.
 *
 * A transaction is durable only once `WriteAheadLog.sync` resolved after it:
 * `synchronous=NORMAL` is `FULL` without the wait for the disk at its end,
 * which would stop everything else that the relay does. For the same reason
 * `WriteAheadLog.checkpoint` is left to the caller.
 *
 * @throws what node:sqlite throws, and an Error for a file of a newer release
 */
export function openLeaseDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5000 });
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0");
    const { user_version: version } = database.prepare("PRAGMA user_version").get() as {
      user_version: number;
    };
    if (version > SCHEMA_VERSION) throw new Error(`it was written by a newer release, format ${version}`);
    if (version === 0) database.exec(`BEGIN; ${SCHEMA} COMMIT`);
    else migrate(database, version);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The log of an open database, which is one file as long as it is open. */
export class WriteAheadLog {
  readonly #databasePath: string;
  readonly #fd: number;

  /** @throws what node:fs throws */
  constructor(databasePath: string) {
    this.#databasePath = databasePath;
    this.#fd = openSync(`${databasePath}-wal`, "r");
  }

  /**
   * Waits, off the event loop, until the disk has what was written so far.
   *
   * @throws what node:fs throws
   */
  async sync(): Promise<void> {
    await syncData(this.#fd);
  }

  /**
   * Moves what the log holds into the database, so that it begins anew, in a
   * thread that lives as long as that takes: thousands of pages here and there
   * in a file, and an fsync. What is written meanwhile stays in the log.
   *
   * @throws what node:sqlite throws
   */
  async checkpoint(): Promise<void> {
    const worker = new Worker(new URL("checkpoint-worker.ts", import.meta.url), {
      workerData: this.#databasePath,
    });
    await once(worker, "exit");
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function migrate(database: DatabaseSync, version: number): void {
  for (let from = version; from < SCHEMA_VERSION; from++) {
    database.exec(`BEGIN; ${MIGRATIONS[from]} PRAGMA user_version = ${from + 1}; COMMIT`);
  }
}
