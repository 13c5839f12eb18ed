import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Ipv4, Mac } from "../../core/addresses.ts";
import { PxedgeError } from "../../core/errors.ts";
import { WriteAheadLog } from "../write-ahead-log.ts";
import { openLeaseDatabase } from "./lease-database.ts";
import { LeaseIndex } from "./lease-index.ts";
import { isLive, type ClientKey, type Lease, type LeaseChange } from "./lease.ts";

/**
 * - `lease-store-unreadable`: the file cannot be opened, or is of a newer release
 * - `lease-commit-failed`: what was staged is not durable, and must not be acknowledged
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

/** Leases in the log before it is moved into the database; each is a page of 4 KiB at most. */
const MAX_LOGGED = 16_384;

/** Neighbours share a page, and those who come together are neighbours. */
const LEASES_A_PAGE = 8;

/**
 * Leases that survive a crash and a power cut: read from memory, written to
 * SQLite's write-ahead log.
 *
 * Changes are staged, which every read shows at once, and become durable by
 * `commit`: what tells a client that it owns an address must not leave before
 * that resolves. The disk is waited for off the event loop, and what is staged
 * meanwhile goes to it in one transaction afterwards: the slower the disk, the
 * more leases share its turn.
 */
export class LeaseStore {
  readonly #database: DatabaseSync;
  /** None in memory. */
  readonly #log: WriteAheadLog | undefined;
  readonly #now: () => number;
  readonly #index = new LeaseIndex();
  readonly #statements: Statements;
  /** Addresses whose lease, or quarantine, is not on disk as it stands. */
  readonly #staged = { leases: new Set<Ipv4>(), quarantines: new Set<Ipv4>() };
  /** The commit that what is staged now goes with. */
  #next: Promise<void> | undefined;
  /** When the disk is done with all before; never rejects. */
  #idle: Promise<void> = Promise.resolve();
  /** Leases written since the log began. */
  #logged = 0;

  /** @throws LeaseStoreError `lease-store-unreadable` */
  constructor({ path, now }: LeaseStoreOptions) {
    this.#now = now;
    try {
      if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
      this.#database = openLeaseDatabase(path);
      this.#log = path === ":memory:" ? undefined : new WriteAheadLog(path);
      this.#logged = this.#log?.pagesFound ?? 0;
      this.#statements = prepare(this.#database);
      this.#database.prepare("DELETE FROM quarantine WHERE until <= ?").run(now());
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

  /** How many addresses are leased, by network. */
  countBySubnet(): Map<string, number> {
    const now = this.#now();
    const counts = new Map<string, number>();
    for (const lease of this.#index.all()) {
      if (isLive(lease, now)) counts.set(lease.subnet, (counts.get(lease.subnet) ?? 0) + 1);
    }
    return counts;
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
    const { leases, quarantines } = this.#staged;
    switch (change.kind) {
      case "bind": {
        const { address, subnet, clientKey } = change.lease;
        leases.add(address);
        const earlier = this.#index.byClient(subnet, clientKey);
        if (earlier !== undefined) leases.add(earlier.address);
        if (this.#index.quarantinedUntil(address) !== undefined) quarantines.add(address);
        break;
      }
      case "release":
        leases.add(change.address);
        break;
      case "quarantine":
        leases.add(change.quarantine.address);
        quarantines.add(change.quarantine.address);
        break;
    }
    this.#index.apply(change);
  }

  /**
   * Makes all that was staged durable.
   *
   * @throws LeaseStoreError `lease-commit-failed`. If it could not even be
   *   written, it is forgotten, and reads show the last durable state again.
   */
  commit(): Promise<void> {
    if (this.#next === undefined) {
      this.#next = this.#idle.then(this.#commitStaged);
      this.#idle = this.#next.then(this.#moveLongLog, this.#moveLongLog);
    }
    return this.#next;
  }

  close(): void {
    this.#write();
    this.#database.close();
    void this.#idle.then(() => this.#log?.close());
  }

  readonly #commitStaged = async (): Promise<void> => {
    this.#next = undefined;
    this.#write();
    try {
      await this.#log?.sync();
    } catch (error) {
      throw commitFailed(error);
    }
  };

  /** Between two commits, as the log can begin anew only while nobody writes. Never rejects. */
  readonly #moveLongLog = async (): Promise<void> => {
    if (this.#logged < MAX_LOGGED) return;
    this.#logged = 0;
    try {
      await this.#log?.checkpoint();
    } catch {
      // No thread to be had: SQLite itself then does it in a commit, though all else waits for that.
      if (this.#database.isOpen) this.#database.exec("PRAGMA wal_autocheckpoint = 1000");
    }
  };

  /** One transaction; of what was staged twice only the last is written. */
  #write(): void {
    const { leases, quarantines } = this.#staged;
    if (leases.size === 0 && quarantines.size === 0) return;
    this.#logged += leases.size;
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      for (const address of leases) this.#writeLease(address);
      for (const address of quarantines) this.#writeQuarantine(address);
      this.#database.exec("COMMIT");
      this.#log?.makeRoom(Math.ceil(leases.size / LEASES_A_PAGE));
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      this.#load();
      throw commitFailed(error);
    } finally {
      leases.clear();
      quarantines.clear();
    }
  }

  #writeLease(address: Ipv4): void {
    const lease = this.#index.byAddress(address);
    if (lease === undefined) {
      this.#statements.dropLease.run(address);
      return;
    }
    const { subnet, clientKey, mac, speaker, hostname, state, expiresAt, port } = lease;
    this.#statements.putLease.run(address, subnet, clientKey, mac, speaker, hostname, state, expiresAt, port);
  }

  #writeQuarantine(address: Ipv4): void {
    const until = this.#index.quarantinedUntil(address);
    if (until === undefined) this.#statements.dropQuarantine.run(address);
    else this.#statements.putQuarantine.run(address, until);
  }

  #load(): void {
    this.#index.clear();
    for (const row of this.#statements.allLeases.iterate()) this.#index.add(row as Lease);
    for (const row of this.#statements.allQuarantines.iterate()) {
      this.#index.quarantine(row as { address: Ipv4; until: number });
    }
  }
}

type Statements = Record<
  "allLeases" | "allQuarantines" | "putLease" | "dropLease" | "putQuarantine" | "dropQuarantine",
  StatementSync
>;

function commitFailed(cause: unknown): LeaseStoreError {
  const message = `cannot write the leases: ${(cause as Error).message}`;
  return new LeaseStoreError("lease-commit-failed", message, { cause });
}

function prepare(database: DatabaseSync): Statements {
  return {
    allLeases: database.prepare(
      `SELECT address, subnet, client_key AS clientKey, mac, speaker, hostname, state,
              expires_at AS expiresAt, port FROM lease`,
    ),
    allQuarantines: database.prepare("SELECT address, until FROM quarantine"),
    putLease: database.prepare("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    dropLease: database.prepare("DELETE FROM lease WHERE address = ?"),
    putQuarantine: database.prepare("INSERT OR REPLACE INTO quarantine VALUES (?, ?)"),
    dropQuarantine: database.prepare("DELETE FROM quarantine WHERE address = ?"),
  };
}
