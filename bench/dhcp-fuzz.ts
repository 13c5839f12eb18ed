/**
 * Mutated packets through the DHCP server and proxy, ten million by default:
 * no error may be left to catch, and memory must stay flat.
 *
 *     node --expose-gc bench/dhcp-fuzz.ts [--count 10000000] [--seed 1]
 */
import { parseArgs } from "node:util";
import { fuzz } from "../test/relay/dhcp/support/fuzz.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "10000000" }, seed: { type: "string", default: "1" } },
});
const MIB = 1024 * 1024;
const heapMib = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / MIB;
};
const heaps: number[] = [];
const { stats, failures } = await fuzz(Number(values.count), Number(values.seed), (done) => {
  if (done % 1_000_000 < 256) {
    heaps.push(heapMib());
    process.stdout.write(`${done}: ${heaps.at(-1)!.toFixed(1)} MiB of heap\n`);
  }
});
process.stdout.write(`${JSON.stringify(stats)}\n`);
// The first million fills what is remembered of clients: leases, samples, loops.
const growth = heapMib() - (heaps[1] ?? heaps[0] ?? 0);
process.stdout.write(
  `${failures.length} failures, ${growth.toFixed(1)} MiB more than after the first million\n`,
);
process.exitCode = failures.length === 0 && growth < 32 ? 0 : 1;
