import type { DatabaseSync } from "node:sqlite";

import { openDatabase } from "../database.ts";
import { LOG_IS_OURS } from "../write-ahead-log.ts";

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

/**
 * Opens, or makes, the leases' database, whose `WriteAheadLog` is the caller's.
 * A damaged file is never set aside: an address would be given out twice, and
 * nobody would know.
 *
 * @throws what node:sqlite throws, and an Error for a file of a newer release
 */
export function openLeaseDatabase(path: string): DatabaseSync {
  return openDatabase({
    file: path,
    version: 3,
    schema: SCHEMA,
    migrations: MIGRATIONS,
    pragmas: LOG_IS_OURS,
  });
}
