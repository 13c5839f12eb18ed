/**
 * A journal as a process of its own, for a test that kills it: records events
 * and callbacks, and writes each callback's id to stdout once it is
 * acknowledged. Nothing is ever delivered.
 *
 *     node journal-process.ts FILE RUN
 */
import pino from "pino";

import { createJournal } from "../../../relay/journal/journal.ts";

const [file, run] = process.argv.slice(2);
const journal = createJournal({
  file: file!,
  deliver: async () => ({ kind: "later", reason: "never" }),
  log: pino({ level: "silent" }),
});

/** Several at once, as installers of several machines report. */
async function reportForEver(installer: number): Promise<void> {
  for (let n = 0; ; n++) {
    const id = `${run}-${installer}-${n}`;
    journal.sink({ mac: null, stage: "tftp", name: "sent", detail: { id } });
    await journal.recordCallback({
      id,
      at: new Date().toISOString(),
      mac: null,
      name: "progress",
      capabilityHash: "ab".repeat(32),
      message: "",
    });
    process.stdout.write(`${id}\n`);
  }
}

await Promise.all([1, 2, 3].map(reportForEver));
