/**
 * How long a machine takes from power-on to its boot script executed: the same
 * virtual machine, real firmware, one boot server after the other. Needs root
 * and the packages of the firmware lab (test/support/lab).
 *
 *     node bench/boot.ts [--runs 5] [--firmware bios|efi-x86_64|efi-arm64]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FIRMWARES, type MachineFirmware } from "../test/support/lab/machine.ts";
import type { BootServer } from "./boot/boot-server.ts";
import { dnsmasqNginx } from "./boot/dnsmasq-nginx.ts";
import { measureBoots, median } from "./boot/measure.ts";
import { pxedge } from "./boot/pxedge.ts";

/** The first is the one the others are compared with. */
const SERVERS: readonly [BootServer, ...BootServer[]] = [dnsmasqNginx, pxedge];

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    firmware: { type: "string", default: "efi-x86_64" },
  },
});
const runs = Number(values.runs);
const isFirmware = (name: string): name is MachineFirmware => FIRMWARES.some((known) => known === name);
if (!Number.isInteger(runs) || runs < 1 || !isFirmware(values.firmware)) {
  process.stderr.write(`usage: boot.ts [--runs N] [--firmware ${FIRMWARES.join("|")}]\n`);
  process.exit(2);
}

const seconds = (milliseconds: number) => `${(milliseconds / 1_000).toFixed(2)} s`;
const directory = mkdtempSync(join(tmpdir(), "pxedge-bench-boot-"));
try {
  const measurements = await measureBoots({
    servers: SERVERS,
    firmware: values.firmware,
    runs,
    directory,
    onMeasured: ({ server, elapsedMs }) => process.stdout.write(`${server}: ${seconds(elapsedMs)}\n`),
  });
  const medianOf = (name: string) =>
    median(measurements.filter(({ server }) => server === name).map(({ elapsedMs }) => elapsedMs));
  const baseline = medianOf(SERVERS[0].name);
  process.stdout.write(`\nmedian of ${runs}, ${values.firmware}, power-on to script executed\n`);
  for (const { name } of SERVERS) {
    const ownMedian = medianOf(name);
    process.stdout.write(`  ${name}: ${seconds(ownMedian)} (${(ownMedian / baseline).toFixed(3)} ×)\n`);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
