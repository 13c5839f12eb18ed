/**
 * DHCP exchanges a second: perfdhcp against ours, Kea, dnsmasq and dhcpd, one
 * after the other in the same network namespaces, leases on the same disk.
 * Needs root and the packages kea-admin, kea-dhcp4-server, dnsmasq-base and
 * isc-dhcp-server.
 *
 *     node bench/dhcp.ts [--seconds 5] [--rounds 2] [--servers pxedge,kea,dnsmasq,dhcpd]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createLink } from "./dhcp/link.ts";
import { runAvalanche, runLoad, type Load } from "./dhcp/perfdhcp.ts";
import { SERVERS, startServer } from "./dhcp/servers.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "2" },
    servers: { type: "string", default: SERVERS.map(({ name }) => name).join(",") },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const chosen = SERVERS.filter(({ name }) => values.servers.split(",").includes(name));

/** More than this is not served but lost. */
const MAX_LOST = 0.01;
/** Offered loads, in exchanges a second, a quarter more each. */
const RATES = Array.from({ length: 20 }, (_, step) => Math.round(250 * 1.25 ** step));
const say = (line: string): void => void process.stdout.write(`${line}\n`);

type Result = { best: number; peak: number; atMaximum: number; avalanche: string };
const results = new Map<string, Result>();
const link = createLink();
const directory = mkdtempSync(join(tmpdir(), "pxedge-bench-dhcp-"));
try {
  // Round by round, so that what else the machine does hits all of them alike.
  for (let round = 1; round <= rounds; round++) {
    for (const server of chosen) {
      const running = await startServer(server, link, join(directory, `${server.name}-${round}`));
      try {
        const result = results.get(server.name) ?? { best: 0, peak: 0, atMaximum: 0, avalanche: "" };
        let misses = 0;
        for (const rate of RATES.filter((each) => each >= server.startRate)) {
          const load = await runLoad(link, { rate, seconds });
          say(`${server.name} at ${rate}/s: ${format(load)}`);
          result.peak = Math.max(result.peak, load.acknowledgedPerSecond);
          if (load.lost <= MAX_LOST) result.best = Math.max(result.best, load.acknowledgedPerSecond);
          // One bad run may be somebody else's doing.
          else if (++misses === 2) break;
        }
        const maximum = await runLoad(link, { rate: null, seconds });
        say(`${server.name} at perfdhcp's maximum: ${format(maximum)}`);
        result.atMaximum = Math.max(result.atMaximum, maximum.acknowledgedPerSecond);
        result.avalanche = await runAvalanche(link, 1000);
        say(`${server.name} avalanche of 1,000: ${result.avalanche}`);
        results.set(server.name, result);
        if (running.report !== undefined) say(`${server.name}: ${await running.report()}`);
      } finally {
        await running.stop();
      }
    }
  }
} finally {
  link.remove();
  rmSync(directory, { recursive: true, force: true });
}

const kea = results.get("kea");
say(`\nexchanges a second at ≤ ${100 * MAX_LOST} % lost, best of ${rounds}`);
for (const [name, { best, peak, atMaximum, avalanche }] of results) {
  const ratio = kea === undefined ? "" : `, ${(best / kea.best).toFixed(2)} × Kea`;
  const kept = `${Math.round((100 * atMaximum) / Math.max(peak, atMaximum))} % of its peak at perfdhcp's maximum`;
  say(`  ${name}: ${Math.round(best)}${ratio}; ${kept}; avalanche ${avalanche}`);
}

function format({ acknowledgedPerSecond, lost, averageOfferMs }: Load): string {
  const tail =
    averageOfferMs === null ? "" : `, DISCOVER to OFFER ${averageOfferMs.toFixed(1)} ms on average`;
  return `${Math.round(acknowledgedPerSecond)}/s, ${(100 * lost).toFixed(1)} % lost${tail}`;
}
