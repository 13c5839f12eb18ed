/**
 * Memory after a million leases offered, acknowledged and expired, each to
 * another client: it must stay flat.
 *
 *     node --expose-gc bench/dhcp-memory.ts [--count 1000000]
 */
import { parseArgs } from "node:util";
import { formatMac } from "../core/addresses.ts";
import { discover, request } from "../test/relay/dhcp/support/client-packets.ts";
import { CONFIG, EngineBench, SERVER } from "../test/relay/dhcp/support/engine-bench.ts";

const { values } = parseArgs({ options: { count: { type: "string", default: "1000000" } } });
const count = Number(values.count);
const MIB = 1024 * 1024;
const ranges = [["192.168.77.10", "192.168.77.250"]] as const;
const bench = new EngineBench({ config: { ...CONFIG, ranges, leaseSeconds: 10 } });
const heapMib = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / MIB;
};
let after = 0;
for (let n = 0; n < count; n++) {
  const mac = formatMac(Uint8Array.of(2, 0, n >>> 24, n >>> 16, n >>> 8, n));
  // Every second client never takes its offer up.
  const outcome = bench.handle(discover({ mac }));
  if (outcome.kind === "reply" && n % 2 === 0) bench.handle(request(outcome.packet.yiaddr, SERVER, { mac }));
  bench.now += 100;
  if (n % 100 === 0) bench.context.offers.expire(bench.now);
  if (n === Math.floor(count / 10)) after = heapMib();
}
const growth = heapMib() - after;
process.stdout.write(`${count} leases: ${growth.toFixed(1)} MiB more than after the first tenth\n`);
process.exitCode = growth < 16 ? 0 : 1;
