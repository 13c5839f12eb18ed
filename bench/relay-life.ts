/**
 * How soon a relay answers, and what memory it takes: idle, and with 1,000
 * leases and 10 GiB of image files (sparse ones: their bytes are not read).
 *
 * `node bench/relay-life.ts [RUNS] [-- COMMAND …]`: COMMAND runs the relay, by
 * default `node cli/main.ts`; `relay run --config F` is added to it.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { formatIpv4 } from "../core/addresses.ts";
import { writeCredentials } from "../relay/control-plane/credentials.ts";
import { LeaseStore } from "../relay/leases/lease-store.ts";
import { SITE, state } from "../test/relay/control-plane/site-state.ts";

const LEASES = 1000;
const CACHE_FILES = 80;
const CACHE_FILE_BYTES = 128 * 2 ** 20;
const SETTLE_MS = 10_000;

const separator = process.argv.indexOf("--");
const command = separator === -1 ? [process.execPath, "cli/main.ts"] : process.argv.slice(separator + 1);
const runs = Number(process.argv[2] ?? 3) || 3;

const controlPlane = createServer((request, response) => {
  request.resume();
  const isEvents = request.url === "/relay/v1/events";
  response.end(JSON.stringify(isEvents ? { accepted: 1, rejected: [] } : state()));
}).listen(0, "127.0.0.1");
await once(controlPlane, "listening");
const url = `http://127.0.0.1:${(controlPlane.address() as AddressInfo).port}`;

const stateDir = mkdtempSync(join(tmpdir(), "pxedge-bench-life-"));
await writeCredentials(stateDir, { url, siteId: SITE.id, relayId: "r1", credential: "pxr_bench" });
const ports = { http: 18_080, tftp: 16_969, dhcp: 16_067, client: 16_068, admin: 19_180 };
const config = join(stateDir, "relay.yaml");
writeFileSync(
  config,
  `controlPlane: { url: "${url}" }
stateDir: ${stateDir}
interfaces:
  - name: lo
    dhcp: { mode: server, range: [127.77.0.1, 127.77.15.254], port: ${ports.dhcp}, clientPort: ${ports.client} }
tftp: { root: ${stateDir}, port: ${ports.tftp} }
http: { port: ${ports.http} }
admin: { port: ${ports.admin} }
`,
);

/** Starts the relay; resolves to how long its first answer took, in milliseconds. */
async function startRelay(): Promise<{ child: ChildProcess; firstAnswerMs: number }> {
  const startedAt = performance.now();
  const [program, ...rest] = [...command, "relay", "run", "--config", config];
  const child = spawn(program, rest, { stdio: ["ignore", "ignore", "inherit"] });
  while (!(await answers())) {
    if (child.exitCode !== null) throw new Error(`the relay ended with ${child.exitCode}`);
    await sleep(2);
  }
  return { child, firstAnswerMs: performance.now() - startedAt };
}

function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ port: ports.http, path: "/boot.ipxe", agent: false }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode === 200));
    });
    request.once("error", () => resolve(false));
  });
}

async function stopRelay(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

/** Of its threads that there are, which what else the machine does has no part in. */
function cpuMs({ pid }: ChildProcess): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  return Math.round(nanoseconds.reduce((sum, each) => sum + each) / 1e6);
}

function residentMiB({ pid }: ChildProcess): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return Math.round(Number(kibibytes) / 1024);
}

async function measure(label: string): Promise<void> {
  const starts: string[] = [];
  const memory: number[] = [];
  for (let run = 0; run < runs; run++) {
    const { child, firstAnswerMs } = await startRelay();
    starts.push(`${Math.round(firstAnswerMs)} (${cpuMs(child)} of CPU)`);
    await sleep(SETTLE_MS);
    memory.push(residentMiB(child));
    await stopRelay(child);
  }
  console.log(`${label}: first answer after ${starts.join(", ")} ms; RSS ${memory.join(", ")} MiB`);
}

function fill(): void {
  const leases = new LeaseStore({ path: join(stateDir, "leases.db"), now: Date.now });
  for (let number = 1; number <= LEASES; number++) {
    const mac = `02:00:00:00:${hex(number >> 8)}:${hex(number & 0xff)}`;
    leases.stage({
      kind: "bind",
      lease: {
        address: formatIpv4(0x7f4d_0000 + number),
        subnet: "127.0.0.0/8",
        clientKey: `01${mac.replaceAll(":", "")}`,
        mac,
        speaker: "firmware",
        hostname: null,
        port: null,
        state: "bound",
        expiresAt: Date.now() + 3_600_000,
      },
    });
  }
  leases.close();
  const folder = join(stateDir, "cache", "objects");
  mkdirSync(folder, { recursive: true });
  for (let number = 0; number < CACHE_FILES; number++) {
    const file = openSync(join(folder, createHash("sha256").update(String(number)).digest("hex")), "w");
    ftruncateSync(file, CACHE_FILE_BYTES);
    closeSync(file);
  }
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

console.log(`${command.join(" ")}, ${runs} runs, RSS after ${SETTLE_MS / 1000} s`);
await measure("idle");
fill();
await measure(`${LEASES} leases, ${(CACHE_FILES * CACHE_FILE_BYTES) / 2 ** 30} GiB of image files`);
controlPlane.close();
controlPlane.closeAllConnections();
rmSync(stateDir, { recursive: true });
