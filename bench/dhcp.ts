/**
 * The DHCP server measured, in parts:
 *
 * - `throughput`  DORA exchanges a second, and what is left of them under overload: perfdhcp against
 *                 ours, Kea, dnsmasq and dhcpd, in turns, leases on the same disk
 * - `avalanche`   a thousand clients at once, and the OFFER's latency at a thousand a second: ours and Kea
 * - `flood`       random MACs, and whether a registered machine still gets through
 * - `codec`       packets a second
 * - `memory`      after a million leases offered and expired
 * - `fuzz`        ten million mutated packets; only if it is named
 *
 * Needs root, network namespaces and the Debian packages kea-admin,
 * kea-dhcp4-server, dnsmasq-base and isc-dhcp-server.
 *
 *     node bench/dhcp.ts [--parts throughput,avalanche,flood,codec,memory] [--servers pxedge,kea,dnsmasq,dhcpd]
 *                        [--seconds 4] [--attempts 3]
 */
import { spawnSync } from "node:child_process";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { measureAvalanche } from "./dhcp/avalanche.ts";
import { measureCodec } from "./dhcp/codec.ts";
import { measureFlood } from "./dhcp/flood.ts";
import { SERVERS } from "./dhcp/servers.ts";
import { measureThroughput } from "./dhcp/throughput.ts";

const { values } = parseArgs({
  options: {
    parts: { type: "string", default: "throughput,avalanche,flood,codec,memory" },
    servers: { type: "string", default: SERVERS.map(({ name }) => name).join(",") },
    seconds: { type: "string", default: "4" },
    attempts: { type: "string", default: "3" },
  },
});
const names = values.servers.split(",");
const attempts = Number(values.attempts);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const PARTS: Readonly<Record<string, () => Promise<void> | void>> = {
  throughput: () => measureThroughput({ names, seconds: Number(values.seconds), attempts, say }),
  avalanche: () => measureAvalanche({ names: names.filter((name) => name !== "dnsmasq"), attempts, say }),
  flood: () => measureFlood({ say }),
  codec: () => measureCodec(say),
  memory: () => runWithGc("dhcp-memory.ts"),
  fuzz: () => runWithGc("dhcp-fuzz.ts"),
};

for (const name of values.parts.split(",")) {
  const part = PARTS[name];
  if (part === undefined) throw new Error(`no part is called ${name}: ${Object.keys(PARTS).join(", ")}`);
  say(`\n== ${name} (load average ${loadavg()[0]!.toFixed(1)})`);
  await part();
}

function runWithGc(program: string): void {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const { status } = spawnSync(process.execPath, ["--expose-gc", path], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
