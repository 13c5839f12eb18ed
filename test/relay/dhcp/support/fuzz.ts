import { encode } from "../../../../core/dhcp-packet/index.ts";
import { handle } from "../../../../relay/dhcp/engine.ts";
import { Exchange } from "../../../../relay/dhcp/exchange.ts";
import { handleAsProxy } from "../../../../relay/dhcp/proxy.ts";
import { createProxyContext } from "../../../../relay/dhcp/server-context.ts";
import { type DhcpServerStats, noStats } from "../../../../relay/dhcp/server-stats.ts";
import { EDK2_DISCOVER, IPXE_DISCOVER } from "../../../core/dhcp-packet/captures.ts";
import { mutate, seededRandom } from "../../../core/dhcp-packet/mutate.ts";
import { discover, message, renew, request } from "./client-packets.ts";
import { CONFIG, EngineBench, INTERFACE, SERVER } from "./engine-bench.ts";
import { serverConfig } from "./server-config.ts";

const BATCH = 256;

/** What a client or its agent may really send, one of each kind. */
const SEEDS: readonly Uint8Array[] = [
  EDK2_DISCOVER,
  IPXE_DISCOVER,
  encode(request("192.168.77.50", SERVER)),
  encode(request("192.168.77.50", null)),
  encode(renew("192.168.77.50")),
  encode(
    discover({
      fields: { giaddr: "10.20.0.2" },
      options: [{ code: 82, data: Uint8Array.of(1, 2, 0, 7, 5, 4, 10, 20, 0, 0) }],
    }),
  ),
  ...[4, 7, 8].map((type) => encode(message(type, { fields: { ciaddr: "192.168.77.50" } }))),
];

/** What came of it; `failures` are errors that were caught last of all, where there should be none to catch. */
export type FuzzResult = { readonly stats: DhcpServerStats; readonly failures: readonly unknown[] };

/**
 * Puts mutated packets through all of the server and the proxy but for the
 * sockets. The clock runs, so that leases and offers end.
 */
export async function fuzz(
  count: number,
  seed: number,
  onProgress?: (done: number) => void,
): Promise<FuzzResult> {
  const random = seededRandom(seed);
  const subnet = {
    ...serverConfig({}),
    network: "10.20.0.0/16",
    ranges: [["10.20.1.1", "10.20.1.250"]] as const,
  };
  const bench = new EngineBench({ config: { ...CONFIG, subnets: [subnet] } });
  const stats = noStats();
  const failures: unknown[] = [];
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (fields: object, text: string) => void failures.push(text, fields),
  };
  const options = {
    config: CONFIG,
    interface: INTERFACE,
    httpPort: 8080,
    bootFiles: { bios: ["undionly.kpxe"], "efi-x86_64": ["snponly.efi"] },
    bootFileAvailable: () => true,
    leases: bench.leases,
    site: () => undefined,
    onEvent: () => undefined,
    log,
    now: () => bench.now,
  };
  const proxy = createProxyContext(options, {
    mode: "proxy",
    answer: "any",
    vendorClasses: [],
    port: 67,
    clientPort: 68,
    bootPort: 4011,
  });
  let asProxy = false;
  const exchange = new Exchange({
    ...options,
    device: "eth1",
    handle: (packet, arrival) =>
      asProxy ? handleAsProxy(packet, arrival, proxy, bench.now) : handle(packet, bench.context, bench.now),
    isKnown: () => false,
    send: () => true,
    flush: () => undefined,
    stats,
  });
  for (let done = 0; done < count; done += BATCH) {
    asProxy = random() < 0.2;
    for (let i = 0; i < BATCH; i++) {
      const packet = mutate(SEEDS[Math.floor(random() * SEEDS.length)]!, random);
      exchange.receive(packet, random() < 0.3 ? "boot" : "dhcp", { address: "192.168.77.9", port: 68 });
    }
    // Until all is answered: the exchange takes its turns by setImmediate, too.
    for (let turn = 0; turn < 16; turn++) await new Promise((resolve) => setImmediate(resolve));
    bench.now += Math.floor(random() * 60_000);
    bench.context.offers.expire(bench.now);
    if (done % 100_000 < BATCH) onProgress?.(done);
  }
  bench.leases.close();
  return { stats, failures };
}
