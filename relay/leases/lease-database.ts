import { once } from "node:events";
import { closeSync, fdatasync, openSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";

import { openDatabase } from "../database.ts";

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
 * `WriteAheadLog.checkpoint` is left to the caller. A damaged file is never set
 * aside: an address would be given out twice, and nobody would know.
 *
 * @throws what node:sqlite throws, and an Error for a file of a newer release
 */
export function openLeaseDatabase(path: string): DatabaseSync {
  return openDatabase({
    file: path,
    version: 3,
    schema: SCHEMA,
    migrations: MIGRATIONS,
    pragmas: "PRAGMA wal_autocheckpoint = 0",
  });
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
    const worker = new Worker(`(${checkpoint.toString()})()`, { eval: true, workerData: this.#databasePath });
    await once(worker, "exit");
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/**
 * The thread of `WriteAheadLog.checkpoint`, which runs its text: a relay may be
 * one file, with no other beside it to start. Nothing of this module is there.
 */
function checkpoint(): void {
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const { workerData } = process.getBuiltinModule("node:worker_threads");
  const database = new DatabaseSync(workerData as string);
  database.exec("PRAGMA wal_checkpoint(PASSIVE)");
  database.close();
}
