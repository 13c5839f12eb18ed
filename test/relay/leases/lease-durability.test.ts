import type * as Fs from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LeaseStore } from "../../../relay/leases/lease-store.ts";
import type { LeaseChange } from "../../../relay/leases/lease.ts";

/** What waits for the disk: a test lets it end, well or not. */
const disk = vi.hoisted(() => ({ waiting: [] as Fs.NoParamCallback[] }));

vi.mock("node:fs", async (importOriginal) => ({
  ...(await importOriginal<typeof Fs>()),
  fdatasync: (_fd: number, done: Fs.NoParamCallback) => void disk.waiting.push(done),
}));

const NOW = 1_800_000_000_000;

function bind(host: number): LeaseChange {
  const mac = `52:54:00:00:00:${String(host).padStart(2, "0")}`;
  return {
    kind: "bind",
    lease: {
      address: `192.168.77.${host}`,
      subnet: "192.168.77.0/24",
      clientKey: `01${mac.replaceAll(":", "")}`,
      mac,
      speaker: "system",
      hostname: null,
      port: null,
      state: "bound",
      expiresAt: NOW + 3_600_000,
    },
  };
}

let folder: string;
let store: LeaseStore;

beforeEach(() => {
  disk.waiting = [];
  folder = mkdtempSync(join(tmpdir(), "pxedge-durability-"));
  store = new LeaseStore({ path: join(folder, "leases.db"), now: () => NOW });
});
afterEach(() => {
  store.close();
  for (const done of disk.waiting.splice(0)) done(null);
  rmSync(folder, { recursive: true });
});

/** Stages a change and commits it; the array gets the host's number, or the error's code, at the end. */
function commit(host: number, ended: unknown[]): void {
  store.stage(bind(host));
  store.commit().then(
    () => ended.push(host),
    (error: { code: string }) => ended.push(error.code),
  );
}

/** What another process, started after a crash, would find. */
function written(): number {
  const other = new LeaseStore({ path: join(folder, "leases.db"), now: () => NOW });
  const count = [50, 51, 52].filter((host) => other.byAddress(`192.168.77.${host}`) !== undefined).length;
  other.close();
  return count;
}

describe("D15 a commit", () => {
  it("ends when the disk says so, and not before", async () => {
    const ended: unknown[] = [];
    commit(50, ended);
    await turn();
    expect(written()).toBe(1);
    expect(disk.waiting).toHaveLength(1);
    expect(ended).toEqual([]);
    disk.waiting.pop()!(null);
    await turn();
    expect(ended).toEqual([50]);
  });

  it("waits for a disk that was asked after it was written", async () => {
    const ended: unknown[] = [];
    commit(50, ended);
    await turn();
    commit(51, ended);
    commit(52, ended);
    await turn();
    // Shown to the next client at once, but neither written nor acknowledged.
    expect(store.byAddress("192.168.77.51")).toBeDefined();
    expect(written()).toBe(1);
    disk.waiting.pop()!(null);
    await turn();
    expect(ended).toEqual([50]);
    expect(written()).toBe(3);
    // Both together.
    expect(disk.waiting).toHaveLength(1);
    disk.waiting.pop()!(null);
    await turn();
    expect(ended).toEqual([50, 51, 52]);
  });

  it("fails with the disk, and the next one does not", async () => {
    const ended: unknown[] = [];
    commit(50, ended);
    await turn();
    disk.waiting.pop()!(new Error("EIO"));
    await turn();
    expect(ended).toEqual(["lease-commit-failed"]);
    commit(51, ended);
    await turn();
    disk.waiting.pop()!(null);
    await turn();
    expect(ended).toEqual(["lease-commit-failed", 51]);
  });
});
