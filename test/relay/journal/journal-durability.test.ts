import type * as Fs from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { expect, onTestFinished, test, vi } from "vitest";

import { createJournal, type Journal } from "../../../relay/journal/journal.ts";
import type { HeardCallback } from "../../../relay/journal/journal-writer.ts";
import { eventually } from "../../support/eventually.ts";

/** What waits for the disk: a test lets it end, well or not. */
const disk = vi.hoisted(() => ({ waiting: [] as Fs.NoParamCallback[] }));

vi.mock("node:fs", async (importOriginal) => ({
  ...(await importOriginal<typeof Fs>()),
  fdatasync: (_fd: number, done: Fs.NoParamCallback) => void disk.waiting.push(done),
}));

async function start(): Promise<Journal> {
  const dir = await mkdtemp(join(tmpdir(), "pxedge-journal-durability-"));
  const journal = createJournal({
    file: join(dir, "journal.db"),
    deliver: async () => ({ kind: "later", reason: "away" }),
    log: pino({ level: "silent" }),
  });
  onTestFinished(async () => {
    for (const done of disk.waiting.splice(0)) done(null);
    await journal.stop();
    await rm(dir, { recursive: true });
  });
  return journal;
}

function callback(id: string): HeardCallback {
  const capabilityHash = "ab".repeat(32);
  return { id, at: "2026-11-21T07:00:00.000Z", mac: null, name: "installed", capabilityHash, message: "" };
}

test("a callback is acknowledged when the disk has it, and not before", async () => {
  const journal = await start();
  let isAcknowledged = false;
  const acknowledged = journal.recordCallback(callback("1")).then(() => (isAcknowledged = true));
  await eventually(() => expect(disk.waiting).toHaveLength(1));
  expect(journal.stats().waiting).toBe(1);
  expect(isAcknowledged).toBe(false);
  disk.waiting.splice(0)[0]!(null);
  await acknowledged;
});

test("a callback that the disk does not confirm is not acknowledged", async () => {
  const journal = await start();
  const outcome = journal.recordCallback(callback("1")).catch((error: Error) => error.message);
  await eventually(() => expect(disk.waiting).toHaveLength(1));
  disk.waiting.splice(0)[0]!(new Error("EIO: i/o error, fdatasync"));
  expect(await outcome).toContain("EIO");
  expect(journal.stats().diskFailed).toBe(true);
});
