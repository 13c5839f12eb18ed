import { randomUUID } from "node:crypto";
import { copyFile, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pino from "pino";
import { describe, expect, onTestFinished, test, vi } from "vitest";

import type { BootEvent, BootEventInput } from "../../../core/relay-protocol/events.ts";
import { MAX_EVENTS_PER_POST } from "../../../core/relay-protocol/events.ts";
import {
  createJournal,
  type Delivery,
  type Journal,
  type JournalOptions,
} from "../../../relay/journal/journal.ts";
import { JournalStore } from "../../../relay/journal/journal-store.ts";
import type { HeardCallback } from "../../../relay/journal/journal-writer.ts";
import { eventually } from "../../support/eventually.ts";

const DELIVERED: Delivery = { kind: "delivered", rejected: [] };
const AWAY: Delivery = { kind: "later", reason: "no route to host" };

async function makeFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "pxedge-journal-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
}

/** A fake control plane: keeps what it is given, and answers what it is told to. */
function fakeControlPlane() {
  const plane = {
    answer: (_events: readonly BootEvent[]): Delivery => DELIVERED,
    taken: [] as BootEvent[],
    posts: [] as number[],
    deliver: async (events: readonly BootEvent[]): Promise<Delivery> => {
      plane.posts.push(events.length);
      const delivery = plane.answer(events);
      if (delivery.kind === "delivered") plane.taken.push(...events);
      return delivery;
    },
  };
  return plane;
}

function start(options: Partial<JournalOptions> & Pick<JournalOptions, "file" | "deliver">): Journal {
  const journal = createJournal({ log: pino({ level: "silent" }), gatherMs: 1, retryMs: 2, ...options });
  onTestFinished(() => journal.stop());
  return journal;
}

function sent(n: number): BootEventInput {
  return { mac: "52:54:00:00:00:01", stage: "tftp", name: "sent", detail: { n } };
}

function numbers(events: readonly BootEvent[]): unknown[] {
  return events.map((event) => event.detail.n);
}

describe("delivery", () => {
  test("an event gets an id and a time, and is delivered on its own", async () => {
    const plane = fakeControlPlane();
    const journal = start({
      file: join(await makeFolder(), "journal.db"),
      deliver: plane.deliver,
      now: () => Date.UTC(2026, 10, 21, 7),
    });
    journal.sink(sent(1));
    await eventually(() => expect(plane.taken).toHaveLength(1));
    expect(plane.taken[0]).toEqual({
      ...sent(1),
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      at: "2026-11-21T07:00:00.000Z",
    });
  });

  test("events go in order, in batches no larger than agreed", async () => {
    const plane = fakeControlPlane();
    const journal = start({ file: join(await makeFolder(), "journal.db"), deliver: plane.deliver });
    const count = 2 * MAX_EVENTS_PER_POST + 7;
    for (let n = 0; n < count; n++) journal.sink(sent(n));
    await journal.flush();
    expect(numbers(plane.taken)).toEqual(Array.from({ length: count }, (_, n) => n));
    expect(plane.posts).toEqual([MAX_EVENTS_PER_POST, MAX_EVENTS_PER_POST, 7]);
  });

  test("an outage keeps events, and its end delivers them in order, once each", async () => {
    const plane = fakeControlPlane();
    plane.answer = () => AWAY;
    const journal = start({ file: join(await makeFolder(), "journal.db"), deliver: plane.deliver });
    journal.sink(sent(1));
    await eventually(() => expect(plane.posts.length).toBeGreaterThan(2));
    journal.sink(sent(2));
    plane.answer = () => DELIVERED;
    await eventually(() => expect(numbers(plane.taken)).toEqual([1, 2]));
  });

  test("an answer that was lost brings the same ids again", async () => {
    const plane = fakeControlPlane();
    const seen: string[] = [];
    plane.answer = (events) => {
      seen.push(events[0]!.id);
      return seen.length === 1 ? AWAY : DELIVERED;
    };
    const journal = start({ file: join(await makeFolder(), "journal.db"), deliver: plane.deliver });
    journal.sink(sent(1));
    await eventually(() => expect(plane.taken).toHaveLength(1));
    expect(seen).toEqual([seen[0], seen[0]]);
  });

  test("an event that is refused goes alone; those around it are delivered", async () => {
    const plane = fakeControlPlane();
    plane.answer = (events) =>
      numbers(events).includes(5) ? { kind: "refused", reason: "status 422" } : DELIVERED;
    const journal = start({ file: join(await makeFolder(), "journal.db"), deliver: plane.deliver });
    for (let n = 0; n < 10; n++) journal.sink(sent(n));
    await journal.flush();
    expect(numbers(plane.taken)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9]);
  });

  test("pauses double, with jitter, and end at a minute", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const plane = fakeControlPlane();
    plane.answer = () => AWAY;
    const journal = start({
      file: join(await makeFolder(), "journal.db"),
      deliver: plane.deliver,
      retryMs: 1000,
      random: () => 1,
    });
    journal.sink(sent(1));
    await journal.flush();
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const before = plane.posts.length;
      let waited = 0;
      for (; plane.posts.length === before; waited += 500) await vi.advanceTimersByTimeAsync(500);
      pauses.push(waited);
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });
});

describe("the disk", () => {
  test("what was not delivered is delivered after a restart", async () => {
    const file = join(await makeFolder(), "journal.db");
    const plane = fakeControlPlane();
    plane.answer = () => AWAY;
    const first = start({ file, deliver: plane.deliver });
    first.sink(sent(1));
    first.sink(sent(2));
    await first.stop();
    expect(plane.taken).toEqual([]);

    plane.answer = () => DELIVERED;
    start({ file, deliver: plane.deliver });
    await eventually(() => expect(numbers(plane.taken)).toEqual([1, 2]));
  });

  test("what was delivered is not delivered again after a restart", async () => {
    const file = join(await makeFolder(), "journal.db");
    const plane = fakeControlPlane();
    const first = start({ file, deliver: plane.deliver });
    first.sink(sent(1));
    await first.flush();
    await first.stop();
    const second = start({ file, deliver: plane.deliver });
    await second.flush();
    expect(plane.posts).toEqual([1]);
  });

  test("stopping does not wait for a delivery that hangs", async () => {
    const file = join(await makeFolder(), "journal.db");
    const aborted = vi.fn<() => void>();
    const journal = start({
      file,
      deliver: (_events, signal) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            aborted();
            resolve(AWAY);
          });
        }),
    });
    journal.sink(sent(1));
    await new Promise((resolve) => setTimeout(resolve, 30));
    await journal.stop();
    expect(aborted).toHaveBeenCalledOnce();
  });

  test("a damaged file is set aside, and a new journal begun", async () => {
    const dir = await makeFolder();
    const file = join(dir, "journal.db");
    await writeFile(file, "this is no database, ".repeat(100));
    const plane = fakeControlPlane();
    const journal = start({ file, deliver: plane.deliver });
    journal.sink(sent(1));
    await journal.flush();
    expect(numbers(plane.taken)).toEqual([1]);
    expect(await readdir(dir)).toContain("journal.db.damaged");
  });

  test("the sink returns before anything is written", async () => {
    const plane = fakeControlPlane();
    const journal = start({ file: join(await makeFolder(), "journal.db"), deliver: plane.deliver });
    const started = performance.now();
    for (let n = 0; n < 1000; n++) journal.sink(sent(n));
    // A transaction each, even without a sync, would take several times as long.
    expect(performance.now() - started).toBeLessThan(100);
    await journal.flush();
    expect(plane.taken).toHaveLength(1000);
  });
});

function callback(n: number): HeardCallback {
  return {
    id: `callback-${n}`,
    at: "2026-11-21T07:00:00.000Z",
    mac: "52:54:00:00:00:01",
    name: "installed",
    capabilityHash: "ab".repeat(32),
    message: `n=${n}`,
  };
}

describe("callbacks", () => {
  test("one is delivered in its place among the events, with its own id, time and hash", async () => {
    const plane = fakeControlPlane();
    plane.answer = () => AWAY;
    const journal = start({ file: join(await makeFolder(), "journal.db"), deliver: plane.deliver });
    journal.sink(sent(1));
    await journal.flush();
    expect(journal.hasCallbacks()).toBe(false);
    await journal.recordCallback(callback(2));
    expect(journal.hasCallbacks()).toBe(true);
    journal.sink(sent(3));
    plane.answer = () => DELIVERED;
    await eventually(() => expect(plane.taken).toHaveLength(3));
    expect(plane.taken[1]).toEqual({
      id: "callback-2",
      at: "2026-11-21T07:00:00.000Z",
      mac: "52:54:00:00:00:01",
      stage: "callback",
      name: "installed",
      capabilityHash: "ab".repeat(32),
      detail: { message: "n=2" },
    });
    await eventually(() => expect(journal.hasCallbacks()).toBe(false));
  });

  test("one that cannot be written is not acknowledged, and not delivered later", async () => {
    const dir = await makeFolder();
    const plane = fakeControlPlane();
    const journal = start({ file: join(dir, "journal.db"), deliver: plane.deliver });
    await journal.flush();
    // Another writer holds the database for as long as ours is willing to wait.
    const other = new DatabaseSync(join(dir, "journal.db"));
    other.exec("BEGIN IMMEDIATE");
    await expect(journal.recordCallback(callback(1))).rejects.toThrow("locked");
    other.exec("ROLLBACK");
    other.close();
    await journal.recordCallback(callback(2));
    await eventually(() => expect(plane.taken.map(({ id }) => id)).toEqual(["callback-2"]));
  });

  test("one that comes while the relay stops is not acknowledged", async () => {
    const journal = start({
      file: join(await makeFolder(), "journal.db"),
      deliver: fakeControlPlane().deliver,
    });
    await journal.stop();
    await expect(journal.recordCallback(callback(1))).rejects.toThrow("stopping");
  });
});

describe("a full journal", () => {
  const event = (stage: "dhcp" | "tftp" | "decision", name: string, n: number): BootEventInput =>
    ({ mac: null, stage, name, detail: { n } }) as BootEventInput;

  test("drops the least important first, the oldest of those first, and says so with counts", async () => {
    const plane = fakeControlPlane();
    plane.answer = () => AWAY;
    const file = join(await makeFolder(), "journal.db");
    const journal = start({ file, deliver: plane.deliver, maxEvents: 10 });
    await journal.recordCallback(callback(0));
    for (let n = 1; n <= 4; n++) journal.sink(event("decision", "served", n));
    for (let n = 5; n <= 9; n++) journal.sink(event("dhcp", "ignored", n));
    for (let n = 10; n <= 17; n++) journal.sink(event("tftp", "sent", n));
    await journal.flush();
    // What was dropped is told by whoever delivers: also after a restart.
    await journal.stop();
    plane.answer = () => DELIVERED;
    const next = start({ file, deliver: plane.deliver, maxEvents: 10 });
    await next.flush();
    expect(plane.taken.map(({ stage, name, detail }) => `${stage} ${name} ${detail["n"] ?? ""}`)).toEqual([
      "callback installed ",
      ...[1, 2, 3, 4].map((n) => `decision served ${n}`),
      ...[13, 14, 15, 16, 17].map((n) => `tftp sent ${n}`),
      "http dropped ",
    ]);
    expect(plane.taken.at(-1)).toMatchObject({ mac: null, detail: { dhcp: 5, tftp: 3 } });
    await next.flush();
    expect(plane.taken).toHaveLength(11);
  });

  test("is bounded in bytes, too", async () => {
    const plane = fakeControlPlane();
    plane.answer = () => AWAY;
    const dir = await makeFolder();
    const maxBytes = 200_000;
    const journal = start({ file: join(dir, "journal.db"), deliver: plane.deliver, maxBytes });
    const reason = "x".repeat(1000);
    for (let n = 0; n < 1000; n++)
      journal.sink({ mac: null, stage: "http", name: "failed", detail: { n, reason } });
    await journal.flush();
    plane.answer = () => DELIVERED;
    await journal.flush();
    const [kept, told] = [plane.taken.slice(0, -1), plane.taken.at(-1)!];
    expect(JSON.stringify(kept).length).toBeLessThan(maxBytes + 1000);
    expect(kept.length).toBeGreaterThan(100);
    expect(kept.at(-1)!.detail["n"]).toBe(999);
    expect(told).toMatchObject({ name: "dropped", detail: { http: 1000 - kept.length } });
  });
});

test("what it holds is counted in bytes, of any script: when all is gone, none are left", async () => {
  const plane = fakeControlPlane();
  const journal = start({ file: join(await makeFolder(), "journal.db"), deliver: plane.deliver });
  journal.sink({ mac: null, stage: "tftp", name: "failed", detail: { reason: "💾 größer" } });
  await journal.flush();
  expect(plane.taken).toHaveLength(1);
  expect(journal.stats()).toMatchObject({ waiting: 0, waitingBytes: 0 });
});

test("what crashes leave of a log counts: it does not grow from one to the next", async () => {
  const bounds = { maxEvents: 10_000, maxBytes: 1e8 };
  const open = (file: string): JournalStore => {
    const store = new JournalStore(file, bounds, () => undefined);
    onTestFinished(() => store.close());
    return store;
  };
  const appendSome = (store: JournalStore): void => {
    for (let n = 0; n < 1200; n++)
      store.append([{ ...sent(n), id: randomUUID(), at: "2026-11-21T18:00:00Z" }]);
  };
  const file = join(await makeFolder(), "journal.db");
  const before = open(file);
  appendSome(before);
  expect(before.isLogLong).toBe(false);
  // What a crash leaves: nobody else holds locks on it.
  const left = join(await makeFolder(), "journal.db");
  await copyFile(file, left);
  await copyFile(`${file}-wal`, `${left}-wal`);
  const after = open(left);
  expect(after.count).toBe(1200);
  appendSome(after);
  expect(after.isLogLong).toBe(true);
});

test("its log is moved when it is long, and what comes meanwhile is written after that", async () => {
  const file = join(await makeFolder(), "journal.db");
  const plane = fakeControlPlane();
  const journal = start({ file, deliver: plane.deliver });
  const rounds = 12;
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < 2000; n++) journal.sink(sent(round * 2000 + n));
    await journal.flush();
  }
  await eventually(() => expect(plane.taken).toHaveLength(rounds * 2000));
  expect(numbers(plane.taken)).toEqual(Array.from({ length: rounds * 2000 }, (_, n) => n));
  // What was written in all is several times as long.
  expect((await stat(`${file}-wal`)).size).toBeLessThan(6e6);
});

test("a cut of a day loses nothing: 200 machines that boot ten times each", async () => {
  const plane = fakeControlPlane();
  plane.answer = () => AWAY;
  const file = join(await makeFolder(), "journal.db");
  const morning = Date.UTC(2026, 10, 21);
  let now = morning;
  const journal = start({ file, deliver: plane.deliver, now: () => now, retryMs: 60_000 });
  // DHCP twice, TFTP, scripts, answers, images: some 30 events a boot.
  const total = 200 * 10 * 30;
  for (let n = 0; n < total; n++) {
    now = morning + Math.floor((n * 86_400_000) / total);
    journal.sink(sent(n));
    if (n % 5000 === 0) await journal.recordCallback({ ...callback(n), at: new Date(now).toISOString() });
  }
  plane.answer = () => DELIVERED;
  await journal.flush();
  const events = plane.taken.filter(({ stage }) => stage === "tftp");
  expect(numbers(events)).toEqual(Array.from({ length: total }, (_, n) => n));
  expect(plane.taken).toHaveLength(total + 12);
  expect(new Set(plane.taken.map(({ id }) => id)).size).toBe(total + 12);
  // In order, each at the time at which it happened.
  const times = plane.taken.map(({ at }) => at);
  expect(times).toEqual([...times].sort());
  expect(times[0]).toBe("2026-11-21T00:00:00.000Z");
  expect(times.at(-1)!.slice(0, 16)).toBe("2026-11-21T23:59");
});
