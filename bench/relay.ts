/**
 * The relay's HTTP beside nginx, the real control plane behind a simulated WAN:
 * cold clients of one object, hits, what others notice meanwhile, and scripts
 * over a WAN that stalls. Needs
 * root and the packages nginx-light, wrk, curl and kea-admin.
 *
 *     node bench/relay.ts [--scenarios cold,hits,load,wan] [--clients 200]
 *       [--cold-mib 64] [--hit-mib 1024] [--megabits 20] [--rounds 3] [--seconds 15]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { addHost } from "../test/e2e/dhcp-lan.ts";
import { createLab } from "../test/support/lab/network.ts";
import { measureBadWan } from "./relay/bad-wan.ts";
import type { Bench } from "./relay/bench.ts";
import { measureCold } from "./relay/cold.ts";
import { measureHits } from "./relay/hits.ts";
import { startMeasuredSite } from "./relay/site.ts";
import { measureUnderLoad } from "./relay/under-load.ts";

const { values } = parseArgs({
  options: {
    scenarios: { type: "string", default: "cold,hits,load,wan" },
    clients: { type: "string", default: "200" },
    "cold-mib": { type: "string", default: "64" },
    "hit-mib": { type: "string", default: "1024" },
    megabits: { type: "string", default: "20" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "15" },
  },
});
const clients = Number(values.clients);
const scenarios: Record<string, (bench: Bench) => Promise<void>> = {
  cold: (bench) =>
    measureCold(bench, {
      clients,
      mebibytes: Number(values["cold-mib"]),
      megabits: Number(values.megabits),
    }),
  hits: (bench) =>
    measureHits(bench, {
      mebibytes: Number(values["hit-mib"]),
      connections: 8,
      rounds: Number(values.rounds),
    }),
  load: (bench) =>
    measureUnderLoad(bench, {
      clients,
      mebibytes: Number(values["hit-mib"]),
      seconds: Number(values.seconds),
    }),
  wan: (bench) => measureBadWan(bench, { seconds: Number(values.seconds) }),
};

const directory = mkdtempSync(join(tmpdir(), "pxedge-bench-relay-"));
const lab = await createLab();
try {
  const site = await startMeasuredSite(lab, directory);
  const host = await addHost(lab, { mac: "52:54:00:bb:00:01", address: "192.168.77.240/24" });
  const addresses = Array.from({ length: 10 }, (_, i) => `192.168.77.${241 + i}`);
  try {
    for (const address of addresses) {
      await host.exec("ip", ["address", "add", `${address}/24`, "dev", host.interface]);
    }
    for (const name of values.scenarios.split(",")) {
      const say = (line: string): void => void process.stdout.write(`${name}: ${line}\n`);
      await scenarios[name]?.({ lab, site, host, addresses, directory, say });
    }
  } finally {
    await host.close();
    await site.stop();
  }
} finally {
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
}
