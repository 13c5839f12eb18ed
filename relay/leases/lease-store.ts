import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Ipv4, Mac } from "../../core/addresses.ts";
import { PxedgeError } from "../../core/errors.ts";
import { LeaseIndex } from "./lease-index.ts";
import { isLive, type ClientKey, type Lease, type LeaseChange } from "./lease.ts";

/**
 * - `lease-store-unreadable`: the file cannot be opened, or is of a newer release
 * - `lease-commit-failed`: the disk took nothing; what was staged is forgotten
 */
export type LeaseStoreErrorCode = "lease-store-unreadable" | "lease-commit-failed";

export class LeaseStoreError extends PxedgeError {
  override readonly name = "LeaseStoreError";
  readonly code: LeaseStoreErrorCode;

  constructor(code: LeaseStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type LeaseStoreOptions = {
  /** The database's path, its folder made if missing; `:memory:` for none. */
  readonly path: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
};

const SCHEMA_VERSION = 2;
const SCHEMA = `
  CREATE TABLE lease (
    address    TEXT PRIMARY KEY,
    subnet     TEXT NOT NULL,
    client_key TEXT NOT NULL,
    mac        TEXT NOT NULL,
    speaker    TEXT NOT NULL,
    hostname   TEXT,
    state      TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    port       TEXT,
    UNIQUE (subnet, client_key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE quarantine (
    address TEXT PRIMARY KEY,
    until   INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};
`;
/** From version 1: leases did not know their port. */
const MIGRATION = `ALTER TABLE lease ADD COLUMN port TEXT; PRAGMA user_version = ${SCHEMA_VERSION};`;

/**
 * Leases that survive a crash and a power cut: read from memory, written to
 * SQLite (write-ahead log, `synchronous=FULL`).
 *
 * Changes are staged, which every read shows at once, and become durable in
 * one transaction at `commit`: what tells a client that it owns an address
 * must not leave before that returns.
 */
export class LeaseStore {
  readonly #database: DatabaseSync;
  readonly #now: () => number;
  readonly #index = new LeaseIndex();
  readonly #statements: Statements;
  #staged: LeaseChange[] = [];

  /** @throws LeaseStoreError `lease-store-unreadable` */
  constructor({ path, now }: LeaseStoreOptions) {
    this.#now = now;
    try {
      if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
      this.#database = openDatabase(path);
      this.#statements = prepare(this.#database);
      this.#load();
    } catch (error) {
      throw new LeaseStoreError(
        "lease-store-unreadable",
        `cannot read the leases in ${path} (${(error as Error).message}): restore the file, or move it away to start without leases`,
        { cause: error },
      );
    }
  }

  /** The lease on an address, live or not. */
  byAddress(address: Ipv4): Lease | undefined {
    return this.#index.byAddress(address);
  }

  /** A client's lease in a subnet, live or not. */
  byClient(subnet: string, clientKey: ClientKey): Lease | undefined {
    return this.#index.byClient(subnet, clientKey);
  }

  /** The leases of one piece of hardware in a subnet, live or not, the one that ends last first. */
  byHardware(subnet: string, mac: Mac): Lease[] {
    return this.#index.byHardware(subnet, mac);
  }

  /** How many addresses a port of a switch holds, by live leases. */
  countOfPort(port: string, now: number): number {
    let count = 0;
    for (const address of this.#index.addressesOfPort(port)) {
      if (isLive(this.#index.byAddress(address)!, now)) count += 1;
    }
    return count;
  }

  /** Until when an address is not to be given out, in milliseconds since the epoch. */
  quarantinedUntil(address: Ipv4): number | undefined {
    return this.#index.quarantinedUntil(address);
  }

  /** Whose address it is: the hardware that holds a live lease on it. */
  macByAddress(address: Ipv4): Mac | undefined {
    const lease = this.#index.byAddress(address);
    return lease !== undefined && isLive(lease, this.#now()) ? lease.mac : undefined;
  }

  /** Makes a change visible to reads; `commit` makes it durable. */
  stage(change: LeaseChange): void {
    this.#index.apply(change);
    this.#staged.push(change);
  }

  /**
   * Makes all that was staged durable, or forgets it.
   *
   * @throws LeaseStoreError `lease-commit-failed`: reads show the last durable state again
   */
  commit(): void {
    const changes = this.#staged;
    if (changes.length === 0) return;
    this.#staged = [];
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      for (const change of changes) this.#write(change);
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      this.#load();
      throw new LeaseStoreError(
        "lease-commit-failed",
        `cannot write ${changes.length} lease changes: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  close(): void {
    this.commit();
    this.#database.close();
  }

  #write(change: LeaseChange): void {
    const { dropClient, putLease, release, dropLease, putQuarantine, dropQuarantine } = this.#statements;
    switch (change.kind) {
      case "bind": {
        const { address, subnet, clientKey, mac, speaker, hostname, state, expiresAt, port } = change.lease;
        dropClient.run(subnet, clientKey, address);
        dropQuarantine.run(address);
        putLease.run(address, subnet, clientKey, mac, speaker, hostname, state, expiresAt, port);
        return;
      }
      case "release":
        release.run(change.at, change.address);
        return;
      case "quarantine":
        dropLease.run(change.quarantine.address);
        putQuarantine.run(change.quarantine.address, change.quarantine.until);
        return;
    }
  }

  #load(): void {
    this.#index.clear();
    for (const row of this.#statements.allLeases.iterate()) this.#index.add(row as Lease);
    for (const row of this.#statements.allQuarantines.iterate(this.#now())) {
      this.#index.quarantine(row as { address: Ipv4; until: number });
    }
  }
}

type Statements = Record<
  | "allLeases"
  | "allQuarantines"
  | "dropClient"
  | "putLease"
  | "release"
  | "dropLease"
  | "putQuarantine"
  | "dropQuarantine",
  StatementSync
>;

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5000 });
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    const { user_version: version } = database.prepare("PRAGMA user_version").get() as {
      user_version: number;
    };
    if (version > SCHEMA_VERSION) throw new Error(`it was written by a newer release, format ${version}`);
    if (version === 0) database.exec(`BEGIN; ${SCHEMA} COMMIT`);
    if (version === 1) database.exec(`BEGIN; ${MIGRATION} COMMIT`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepare(database: DatabaseSync): Statements {
  return {
    allLeases: database.prepare(
      `SELECT address, subnet, client_key AS clientKey, mac, speaker, hostname, state,
              expires_at AS expiresAt, port FROM lease`,
    ),
    allQuarantines: database.prepare("SELECT address, until FROM quarantine WHERE until > ?"),
    dropClient: database.prepare("DELETE FROM lease WHERE subnet = ? AND client_key = ? AND address <> ?"),
    putLease: database.prepare("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    release: database.prepare("UPDATE lease SET state = 'released', expires_at = ? WHERE address = ?"),
    dropLease: database.prepare("DELETE FROM lease WHERE address = ?"),
    putQuarantine: database.prepare("INSERT OR REPLACE INTO quarantine VALUES (?, ?)"),
    dropQuarantine: database.prepare("DELETE FROM quarantine WHERE address = ?"),
  };
}
