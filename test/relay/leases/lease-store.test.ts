import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LeaseStore, LeaseStoreError } from "../../../relay/leases/lease-store.ts";
import type { Lease, LeaseChange } from "../../../relay/leases/lease.ts";

const NOW = 1_800_000_000_000;
const SUBNET = "192.168.77.0/24";

function lease(overrides: Partial<Lease> = {}): Lease {
  return {
    address: "192.168.77.50",
    subnet: SUBNET,
    clientKey: "01525400000001",
    mac: "52:54:00:00:00:01",
    speaker: "system",
    hostname: null,
    port: null,
    state: "bound",
    expiresAt: NOW + 3_600_000,
    ...overrides,
  };
}

function bind(overrides: Partial<Lease> = {}): LeaseChange {
  return { kind: "bind", lease: lease(overrides) };
}

const OTHER = { clientKey: "01525400000002", mac: "52:54:00:00:00:02" };

let folder: string;
let now: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pxedge-leases-"));
  now = NOW;
});
afterEach(() => rmSync(folder, { recursive: true }));

function openStore(): LeaseStore {
  return new LeaseStore({ path: join(folder, "deep", "leases.sqlite"), now: () => now });
}

/** Applies changes to a store, then reads them from it and from the file alike. */
function afterRestart(changes: readonly LeaseChange[], read: (store: LeaseStore) => void): void {
  const before = openStore();
  for (const change of changes) before.stage(change);
  read(before);
  before.close();
  const after = openStore();
  read(after);
  after.close();
}

describe("LeaseStore", () => {
  it("D15 finds a lease by address, client and hardware, also after a restart", () => {
    afterRestart([bind({ hostname: "node-1" })], (store) => {
      const expected = lease({ hostname: "node-1" });
      expect(store.byAddress("192.168.77.50")).toEqual(expected);
      expect(store.byClient(SUBNET, "01525400000001")).toEqual(expected);
      expect(store.byHardware(SUBNET, "52:54:00:00:00:01")).toEqual([expected]);
      expect(store.byClient("10.0.0.0/8", "01525400000001")).toBeUndefined();
    });
  });

  it("moves a client: one lease a subnet", () => {
    afterRestart([bind(), bind({ address: "192.168.77.51" })], (store) => {
      expect(store.byAddress("192.168.77.50")).toBeUndefined();
      expect(store.byClient(SUBNET, "01525400000001")?.address).toBe("192.168.77.51");
      expect(store.byHardware(SUBNET, "52:54:00:00:00:01")).toHaveLength(1);
    });
  });

  it("keeps one client's leases in two subnets apart", () => {
    const elsewhere = { address: "10.0.0.9", subnet: "10.0.0.0/8" };
    afterRestart([bind(), bind(elsewhere)], (store) => {
      expect(store.byClient(SUBNET, "01525400000001")?.address).toBe("192.168.77.50");
      expect(store.byClient("10.0.0.0/8", "01525400000001")?.address).toBe("10.0.0.9");
    });
  });

  it("gives an address to the next client: the earlier one is forgotten", () => {
    afterRestart([bind(), bind(OTHER)], (store) => {
      expect(store.byAddress("192.168.77.50")?.mac).toBe(OTHER.mac);
      expect(store.byClient(SUBNET, "01525400000001")).toBeUndefined();
      expect(store.byHardware(SUBNET, "52:54:00:00:00:01")).toEqual([]);
    });
  });

  it("orders the leases of one hardware by their end", () => {
    const later = { address: "192.168.77.51", clientKey: "ff01", expiresAt: NOW + 7_200_000 };
    afterRestart([bind(), bind(later)], (store) => {
      const addresses = store.byHardware(SUBNET, "52:54:00:00:00:01").map(({ address }) => address);
      expect(addresses).toEqual(["192.168.77.51", "192.168.77.50"]);
    });
  });

  it("D9 remembers a released lease", () => {
    afterRestart([bind(), { kind: "release", address: "192.168.77.50", at: NOW + 5 }], (store) => {
      expect(store.byAddress("192.168.77.50")).toEqual(lease({ state: "released", expiresAt: NOW + 5 }));
      expect(store.macByAddress("192.168.77.50")).toBeUndefined();
    });
  });

  it("D8 quarantines across a restart, until a new lease or its end", () => {
    const until = NOW + 1000;
    const declined: LeaseChange = { kind: "quarantine", quarantine: { address: "192.168.77.50", until } };
    afterRestart([bind(), declined], (store) => {
      expect(store.byAddress("192.168.77.50")).toBeUndefined();
      expect(store.quarantinedUntil("192.168.77.50")).toBe(until);
    });
    afterRestart([bind()], (store) => expect(store.quarantinedUntil("192.168.77.50")).toBeUndefined());
    afterRestart([declined], () => undefined);
    now = until;
    const later = openStore();
    expect(later.quarantinedUntil("192.168.77.50")).toBeUndefined();
    later.close();
  });

  it("tells the hardware of an address as long as the lease lives", () => {
    const store = openStore();
    store.stage(bind());
    expect(store.macByAddress("192.168.77.50")).toBe("52:54:00:00:00:01");
    expect(store.macByAddress("192.168.77.51")).toBeUndefined();
    now = NOW + 3_600_000;
    expect(store.macByAddress("192.168.77.50")).toBeUndefined();
    store.close();
  });

  it("shows staged changes at once, and none of them after a commit that failed", async () => {
    const store = openStore();
    store.stage(bind());
    await store.commit();
    store.stage(bind({ ...OTHER, address: "192.168.77.51" }));
    // Breaks the constraint of the database, and only there.
    store.stage(bind({ address: "192.168.77.52", clientKey: "ff", hostname: Symbol("no column") as never }));
    expect(store.byAddress("192.168.77.51")).toBeDefined();
    await expect(store.commit()).rejects.toThrow(LeaseStoreError);
    expect(store.byAddress("192.168.77.51")).toBeUndefined();
    expect(store.byAddress("192.168.77.52")).toBeUndefined();
    expect(store.byAddress("192.168.77.50")).toEqual(lease());
    store.stage(bind({ ...OTHER, address: "192.168.77.53" }));
    await store.commit();
    store.close();
    const after = openStore();
    expect(after.byAddress("192.168.77.53")?.mac).toBe(OTHER.mac);
    after.close();
  });

  it("D15 tolerates a torn last record of the write-ahead log", async () => {
    const store = openStore();
    store.stage(bind());
    await store.commit();
    const path = join(folder, "torn.sqlite");
    // The log as a power cut leaves it: the second commit's last frame lost its end.
    const original = join(folder, "deep", "leases.sqlite");
    const whole = readFileSync(`${original}-wal`);
    store.stage(bind({ ...OTHER, address: "192.168.77.51" }));
    await store.commit();
    const longer = readFileSync(`${original}-wal`);
    const end = longer.findLastIndex((byte, at) => byte !== whole[at]);
    expect(end).toBeGreaterThan(0);
    writeFileSync(path, readFileSync(original));
    writeFileSync(`${path}-wal`, Buffer.from(longer).fill(0, end - 100));
    store.close();
    const after = new LeaseStore({ path, now: () => now });
    expect(after.byAddress("192.168.77.50")).toEqual(lease());
    expect(after.byAddress("192.168.77.51")).toBeUndefined();
    after.close();
  });

  it("moves its log into the database when it is long, and begins it anew", async () => {
    const store = openStore();
    const path = join(folder, "deep", "leases.sqlite");
    const logBytes = (): number => statSync(`${path}-wal`).size;
    const round = async (turn: number): Promise<void> => {
      for (let n = 0; n < 4096; n++) {
        const mac = `52:54:00:00:${(n >> 8).toString(16)}:${n & 255}`;
        const address = `192.168.${n >> 8}.${n & 255}`;
        store.stage(bind({ address, mac, clientKey: `${n}`, expiresAt: NOW + 1000 * turn + 1 }));
      }
      await store.commit();
    };
    for (let turn = 1; turn <= 4; turn++) await round(turn);
    // Waits for the move, and begins the log anew.
    await round(5);
    const length = logBytes();
    for (let turn = 6; turn <= 18; turn++) await round(turn);
    expect(logBytes()).toBeLessThan(2.5 * length);
    // The database alone holds what was moved.
    copyFileSync(path, join(folder, "alone.sqlite"));
    const alone = new LeaseStore({ path: join(folder, "alone.sqlite"), now: () => now });
    expect(alone.byAddress("192.168.15.255")?.expiresAt).toBe(NOW + 16_001);
    alone.close();
    store.close();
    const after = openStore();
    expect(after.byAddress("192.168.15.255")?.expiresAt).toBe(NOW + 18_001);
    after.close();
  });

  it("makes its log grow in steps, so that few commits wait for the file system's journal", async () => {
    const store = openStore();
    const sizes = new Set<number>();
    for (let n = 0; n < 600; n++) {
      store.stage(bind({ address: `192.168.77.${n % 250}`, expiresAt: NOW + n }));
      await store.commit();
      sizes.add(statSync(join(folder, "deep", "leases.sqlite-wal")).size);
    }
    expect(sizes.size).toBeLessThan(6);
    store.close();
  });

  it("takes over a file of the first release, and of the second", () => {
    const columns = "address, subnet, client_key, mac, speaker, hostname, state, expires_at";
    const table = `CREATE TABLE lease (address TEXT PRIMARY KEY, subnet TEXT NOT NULL, client_key TEXT NOT NULL,
      mac TEXT NOT NULL, speaker TEXT NOT NULL, hostname TEXT, state TEXT NOT NULL, expires_at INTEGER NOT NULL,
      UNIQUE (subnet, client_key)) STRICT, WITHOUT ROWID;
      CREATE TABLE quarantine (address TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      INSERT INTO lease (${columns}) VALUES ('192.168.77.50', '${SUBNET}', '01525400000001',
        '52:54:00:00:00:01', 'system', NULL, 'bound', ${NOW + 3_600_000});`;
    for (const [version, more] of [
      [1, ""],
      [2, "ALTER TABLE lease ADD COLUMN port TEXT;"],
    ] as const) {
      const path = join(folder, `release-${version}.sqlite`);
      const database = new DatabaseSync(path);
      database.exec(`${table} ${more} PRAGMA user_version = ${version}`);
      database.close();
      const store = new LeaseStore({ path, now: () => now });
      expect(store.byAddress("192.168.77.50")).toEqual(lease());
      store.stage(bind({ ...OTHER, address: "192.168.77.51" }));
      store.close();
      const again = new LeaseStore({ path, now: () => now });
      expect(again.byAddress("192.168.77.51")?.mac).toBe(OTHER.mac);
      again.close();
    }
  });

  it("says what to do about a file it cannot read", () => {
    const path = join(folder, "leases.sqlite");
    const damaged = "this is no database, but it is long enough to look at".repeat(100);
    writeFileSync(path, damaged);
    expect(() => new LeaseStore({ path, now: () => now })).toThrow(/leases\.sqlite .*move it away/);
    // Not set aside: whether to go on without leases is the operator's to say.
    expect(readFileSync(path, "utf8")).toBe(damaged);
    const newer = join(folder, "newer.sqlite");
    new DatabaseSync(newer).exec("PRAGMA user_version = 99");
    expect(() => new LeaseStore({ path: newer, now: () => now })).toThrow(
      /newer release wrote it, in format 99/,
    );
  });
});
