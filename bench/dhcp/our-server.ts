import type { SiteSnapshot } from "../../relay/dhcp/reservations.ts";
import { createDhcpServer } from "../../relay/dhcp/server.ts";
import { createJournal } from "../../relay/journal/journal.ts";
import { LeaseStore } from "../../relay/leases/lease-store.ts";
import { createLog } from "../../relay/log.ts";
import { readInterface } from "../../relay/net/interfaces.ts";
import { serverConfig } from "../../test/relay/dhcp/support/server-config.ts";
import { MACHINES } from "./machines.ts";

/**
 * The relay's DHCP server, leases durable, probing on, events journalled as in
 * the relay. Arguments: the interface, the range's ends, the leases' file.
 * Writes its counters and its memory on SIGUSR2, and `ready`. It knows the
 * machines of `machines.ts`.
 */
const [device = "", first = "", last = "", file = ""] = process.argv.slice(2);
const site: SiteSnapshot = { site: { id: "s1", name: "bench", bootWaitSeconds: 300 }, machines: MACHINES };
const log = createLog({ level: "error", format: "json" });
const journal = createJournal({
  file: `${file}-journal`,
  deliver: () => Promise.resolve({ kind: "delivered", rejected: [] }),
  log,
});
const server = createDhcpServer({
  config: serverConfig({ ranges: [[first, last]], probe: true, leasesPerPort: 1_000_000 }),
  interface: readInterface(device),
  httpPort: 8080,
  bootFiles: { bios: ["undionly.kpxe"], "efi-x86_64": ["snponly.efi"] },
  bootFileAvailable: () => true,
  leases: new LeaseStore({ path: file, now: Date.now }),
  site: () => site,
  onEvent: journal.sink,
  log,
  now: Date.now,
});
await server.start();
process.on("SIGUSR2", () => {
  const { rss, heapUsed } = process.memoryUsage();
  process.stdout.write(`${JSON.stringify({ ...server.stats, rss, heapUsed })}\n`);
});
process.on("SIGTERM", () => process.exit(0));
process.stdout.write("ready\n");
