import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pino from "pino";
import { expect, onTestFinished, test } from "vitest";

import type { BootEvent } from "../../../core/relay-protocol/events.ts";
import { createJournal } from "../../../relay/journal/journal.ts";

const PROGRAM = fileURLToPath(new URL("journal-process.ts", import.meta.url));
/** All of them: `PXEDGE_JOURNAL_KILLS=1000 npx vitest run --project relay test/relay/journal/crash.test.ts`. */
const KILLS = Number(process.env["PXEDGE_JOURNAL_KILLS"] ?? 12);

/** Runs the program until it has acknowledged a few callbacks, kills it, and returns what it acknowledged. */
async function runAndKill(file: string, run: number): Promise<string[]> {
  const child = spawn(process.execPath, [PROGRAM, file, String(run)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  const enough = 1 + Math.floor(Math.random() * 40);
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
    if (output.split("\n").length > enough) child.kill("SIGKILL");
  });
  const closed = once(child, "close");
  // Some die while they open the file, too.
  const timer = run % 4 === 3 ? setTimeout(() => child.kill("SIGKILL"), 60 + Math.random() * 200) : undefined;
  await closed;
  clearTimeout(timer);
  // The last line may be half a line.
  return output.split("\n").slice(0, -1);
}

test(
  "no acknowledged callback is lost by kill -9, and none is there twice",
  async () => {
    const dir = await mkdtemp(join(tmpdir(), "pxedge-journal-crash-"));
    onTestFinished(() => rm(dir, { recursive: true }));
    const file = join(dir, "journal.db");
    const acknowledged: string[] = [];
    for (let run = 0; run < KILLS; run++) acknowledged.push(...(await runAndKill(file, run)));

    const taken: BootEvent[] = [];
    const journal = createJournal({
      file,
      deliver: async (events) => {
        taken.push(...events);
        return { kind: "delivered", rejected: [] };
      },
      log: pino({ level: "silent" }),
    });
    await journal.flush();
    await journal.stop();
    const ids = taken.filter(({ stage }) => stage === "callback").map(({ id }) => id);
    expect(acknowledged.length).toBeGreaterThan(KILLS);
    expect(new Set(ids).size).toBe(ids.length);
    const kept = new Set(ids);
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
    // In the order in which each installer reported.
    for (const installer of new Set(ids.map((id) => id.replace(/-\d+$/, "")))) {
      const order = ids.filter((id) => id.startsWith(`${installer}-`)).map((id) => Number(id.split("-")[2]));
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
  },
  60_000 + KILLS * 2000,
);
