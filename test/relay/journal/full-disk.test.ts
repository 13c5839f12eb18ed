import { closeSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { expect, onTestFinished, test } from "vitest";

import type { BootEvent } from "../../../core/relay-protocol/events.ts";
import { createJournal } from "../../../relay/journal/journal.ts";
import { eventually } from "../../support/eventually.ts";
import { run } from "../../support/lab/child.ts";
import { missingNeed } from "../net/needs.ts";

const missing = missingNeed({ root: true, programs: ["/usr/bin/mount"] });

/** Leaves no byte to anybody. */
function fill(path: string): void {
  const file = openSync(path, "w");
  try {
    for (let length = 64 * 1024; length > 0;) {
      try {
        writeSync(file, Buffer.alloc(length));
      } catch {
        length = Math.floor(length / 2);
      }
    }
  } finally {
    closeSync(file);
  }
}

test.skipIf(missing !== undefined)(
  "a full disk: events are delivered nevertheless, each once, and said of once in the log",
  async () => {
    const dir = await mkdtemp(join(tmpdir(), "pxedge-journal-"));
    onTestFinished(() => rm(dir, { recursive: true }));
    await run("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", dir]);
    onTestFinished(async () => void (await run("umount", ["-l", dir])));

    const taken: BootEvent[] = [];
    const numbers = (): unknown[] => taken.map(({ detail }) => detail["n"]);
    const lines: string[] = [];
    const journal = createJournal({
      file: join(dir, "journal.db"),
      deliver: async (events) => {
        taken.push(...events);
        return { kind: "delivered", rejected: [] };
      },
      log: pino({ level: "error" }, { write: (line) => void lines.push(line) }),
      gatherMs: 1,
      retryMs: 2,
    });
    onTestFinished(() => journal.stop());
    const report = (n: number): void =>
      journal.sink({ mac: null, stage: "http", name: "uncached", detail: { n, reason: "x".repeat(5000) } });

    report(0);
    await journal.flush();
    report(1);
    fill(join(dir, "filler"));
    for (let n = 2; n < 20; n++) {
      report(n);
      await journal.flush();
    }
    await eventually(() => expect(numbers()).toEqual(Array.from({ length: 20 }, (_, n) => n)));
    expect(journal.stats().diskFailed).toBe(true);
    expect(lines.length).toBeLessThan(5);

    await rm(join(dir, "filler"));
    report(20);
    await eventually(() => expect(journal.stats()).toMatchObject({ waiting: 0, diskFailed: false }));
    expect(numbers()).toEqual(Array.from({ length: 21 }, (_, n) => n));
  },
);
