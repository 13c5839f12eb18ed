import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
    await vi.waitFor(() => expect(plane.taken).toHaveLength(1));
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
    await vi.waitFor(() => expect(plane.posts.length).toBeGreaterThan(2));
    journal.sink(sent(2));
    plane.answer = () => DELIVERED;
    await vi.waitFor(() => expect(numbers(plane.taken)).toEqual([1, 2]));
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
    await vi.waitFor(() => expect(plane.taken).toHaveLength(1));
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
    await vi.waitFor(() => expect(numbers(plane.taken)).toEqual([1, 2]));
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

  test("a full journal drops the oldest, and says so by an event", async () => {
    const plane = fakeControlPlane();
    plane.answer = () => AWAY;
    const journal = start({
      file: join(await makeFolder(), "journal.db"),
      deliver: plane.deliver,
      maxEvents: 10,
    });
    for (let n = 0; n < 25; n++) journal.sink(sent(n));
    await journal.flush();
    plane.answer = () => DELIVERED;
    await journal.flush();
    await vi.waitFor(() => expect(plane.taken).toHaveLength(10));
    expect(numbers(plane.taken.slice(0, 9))).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24]);
    expect(plane.taken[9]).toMatchObject({
      mac: null,
      stage: "http",
      name: "failed",
      detail: { path: "/relay/v1/events", dropped: 15 },
    });
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
