/**
 * The whole property, run by hand: `node test/core/render/escaping-fuzz.ts
 * [--values 100000] [--seed 1] [CONTEXT…]`. Prints, for every context, how
 * many values real parsers read back and how many were refused by name;
 * ends with 1 where there was a third outcome.
 */
import { parseArgs } from "node:util";
import { checkValues } from "./read-back/check.ts";
import { READ_BACKS } from "./read-back/index.ts";
import { generateValues } from "./read-back/values.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { values: { type: "string", default: "100000" }, seed: { type: "string", default: "1" } },
});
const BATCH = 2500;
let failed = false;
for (const readBack of READ_BACKS) {
  if (positionals.length > 0 && !positionals.includes(readBack.context)) continue;
  const generator = generateValues(Number(options.seed));
  const started = performance.now();
  let read = 0;
  let refused = 0;
  const failures: string[] = [];
  for (let left = Number(options.values), turn = 0; left > 0; left -= BATCH, turn += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, left) }, () => generator.next().value as string);
    const tally = checkValues(readBack, batch, turn);
    read += tally.read;
    refused += tally.refused;
    failures.push(...tally.failures);
  }
  const readers = readBack.readers.map(({ name, available }) => (available ? name : `${name} (missing)`));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${readBack.context.padEnd(12)} ${read} read back, ${refused} refused, ${failures.length} wrong (${readers.join(", ")}; ${seconds} s)`,
  );
  for (const failure of failures.slice(0, 20)) console.log(`  ${failure}`);
  failed ||= failures.length > 0;
}
process.exitCode = failed ? 1 : 0;
