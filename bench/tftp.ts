/**
 * TFTP throughput: one client that does not limit, the same file and the same
 * wire for ours, tftpd-hpa, dnsmasq and, where it is, atftpd, turn by turn.
 * Needs root and the packages tftpd-hpa and dnsmasq-base.
 *
 *     node bench/tftp.ts [--rounds 3] [--servers pxedge,tftpd-hpa,dnsmasq,atftpd] [--cases lockstep,…]
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { run } from "../test/support/lab/child.ts";
import { createLink } from "./dhcp/link.ts";
import type { LoadOptions, LoadResult } from "./tftp/load.ts";
import { isInstalled, SERVERS, startServer } from "./tftp/servers.ts";

const LOAD = fileURLToPath(new URL("tftp/load.ts", import.meta.url));
const PORT = 69;

type Case = Pick<LoadOptions, "windowSize" | "count" | "loss"> & {
  readonly name: string;
  readonly sizeBytes: number;
};

const CASES: readonly Case[] = [
  { name: "lockstep", windowSize: 1, count: 1, loss: 0, sizeBytes: 50_000_000 },
  { name: "window 8", windowSize: 8, count: 1, loss: 0, sizeBytes: 50_000_000 },
  { name: "window 16", windowSize: 16, count: 1, loss: 0, sizeBytes: 50_000_000 },
  { name: "64 lockstep", windowSize: 1, count: 64, loss: 0, sizeBytes: 2_000_000 },
  { name: "64 window 8", windowSize: 8, count: 64, loss: 0, sizeBytes: 4_000_000 },
  { name: "5 % lost", windowSize: 8, count: 1, loss: 0.05, sizeBytes: 300_000 },
];

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    servers: { type: "string", default: SERVERS.map(({ name }) => name).join(",") },
    cases: { type: "string", default: CASES.map(({ name }) => name).join(",") },
  },
});
const rounds = Number(values.rounds);
const servers = SERVERS.filter(
  (server) => values.servers.split(",").includes(server.name) && isInstalled(server),
);
const cases = CASES.filter(({ name }) => values.cases.split(",").includes(name));
const say = (line: string): void => void process.stdout.write(`${line}\n`);

type Measured = { readonly megabytesPerSecond: number; readonly spread: number };

const link = createLink("tftp");
const folder = mkdtempSync(join(tmpdir(), "pxedge-bench-tftp-"));
try {
  for (const each of cases) {
    const file = join(folder, `f${each.sizeBytes}`);
    writeFileSync(file, noise(each.sizeBytes));
    const results = new Map<string, Measured[]>();
    // Turn by turn, so that what else the machine does hits all of them alike.
    for (let round = 0; round < rounds; round++) {
      for (const server of servers) {
        const measured = await measure(server, each, file);
        results.set(server.name, [...(results.get(server.name) ?? []), measured]);
      }
    }
    report(each, results);
  }
} finally {
  link.remove();
  rmSync(folder, { recursive: true, force: true });
}

async function measure(server: (typeof SERVERS)[number], each: Case, file: string): Promise<Measured> {
  const running = await startServer(server, link.serverNamespace, link.serverAddress, PORT, folder);
  try {
    const options: LoadOptions = { ...each, server: link.serverAddress, port: PORT, file, blockSize: 1468 };
    const output = await run(
      "ip",
      ["netns", "exec", link.clientNamespace, process.execPath, LOAD, JSON.stringify(options)],
      300_000,
    );
    const { wallMs, durationsMs } = JSON.parse(output) as LoadResult;
    const bytes = each.sizeBytes * each.count;
    return {
      megabytesPerSecond: bytes / wallMs / 1000,
      spread: Math.max(...durationsMs) / median(durationsMs),
    };
  } finally {
    await running.stop();
  }
}

function report({ name, count, sizeBytes }: Case, results: ReadonlyMap<string, readonly Measured[]>): void {
  say(`\n${name}: ${count} × ${sizeBytes / 1e6} MB, MB/s`);
  const speedOf = (server: string): number =>
    median(results.get(server)?.map(({ megabytesPerSecond }) => megabytesPerSecond) ?? []);
  for (const [server, measured] of results) {
    const all = measured.map(({ megabytesPerSecond }) => megabytesPerSecond.toFixed(1)).join(" ");
    const ratio =
      server === "pxedge" ? "" : `, pxedge is ${(speedOf("pxedge") / speedOf(server)).toFixed(2)} ×`;
    const spread =
      count === 1 ? "" : `, slowest ${Math.max(...measured.map((each) => each.spread)).toFixed(2)} × median`;
    say(`  ${server}: ${speedOf(server).toFixed(1)} (${all})${spread}${ratio}`);
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

/** Bytes that differ from block to block: a misplaced one shows. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0, state = 1; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
