/**
 * Makes one fault after the other in the control plane and shows that the
 * schedules catch each:
 *
 *     node test/worker/model/run-mutants.mjs [part of a name]
 *
 * Each has a vitest of its own: faults must not meet in one cache of modules.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { MUTANTS } from "./mutants.ts";

const config = fileURLToPath(new URL("vitest.config.mjs", import.meta.url));
const vitest = fileURLToPath(new URL("../../../node_modules/vitest/vitest.mjs", import.meta.url));
const part = process.argv[2] ?? "";
let missed = 0;

for (const { name } of MUTANTS.filter((mutant) => mutant.name.includes(part))) {
  const startedAt = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [vitest, "run", "--config", config], {
    encoding: "utf8",
    env: { ...process.env, MUTANT: name, SCHEDULES: process.env.SCHEDULES ?? "2000" },
  });
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
  const caught = /CAUGHT after (\d+): ([^:]+):/.exec(stdout);
  if (status === 0 && caught !== null) {
    process.stdout.write(`caught  ${name} (schedule ${caught[1]}, ${seconds} s: ${caught[2]})\n`);
  } else {
    missed++;
    process.stdout.write(`MISSED  ${name} (${seconds} s)\n${stdout.slice(-2_000)}${stderr.slice(-2_000)}\n`);
  }
}
process.exitCode = missed === 0 ? 0 : 1;
