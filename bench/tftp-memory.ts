/**
 * Memory and descriptors of the TFTP server, a process of its own, over many
 * transfers, of half of which the file is streamed and of a third of which the
 * client falls silent in the middle: both must stay flat.
 *
 *     node bench/tftp-memory.ts [--count 10000]
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { encode } from "../core/tftp-packet/index.ts";
import type { TftpLimits } from "../relay/tftp/limits.ts";
import { startChild } from "../test/support/lab/child.ts";
import { waitFor } from "../test/support/lab/wait.ts";

const SERVER = fileURLToPath(new URL("tftp/our-server.ts", import.meta.url));
const ADDRESS = "127.0.0.1";
const AT_A_TIME = 32;
const BLOCK_BYTES = 512;
const FILES = { held: 10_000, streamed: 20_000 };
const ABANDONED_AFTER_BLOCKS = 5;
/** Who falls silent is given up soon, so that the run takes a minute. */
const LIMITS: Partial<TftpLimits> = {
  maxTransfersPerClient: 512,
  maxUnheardPerClient: 512,
  resendIntervalMs: 50,
  maxResends: 2,
  maxCachedFileBytes: 15_000,
};
/** V8 lets its young generation grow to a bound over a run: that bound is set low, so that only a leak grows. */
const FLAGS = ["--max-semi-space-size=2"];
/** What a process takes until it has seen everything once: not counted. */
const WARM_UP = 3;
const MAX_GROWTH_MIB = 16;

const { values } = parseArgs({ options: { count: { type: "string", default: "10000" } } });
const count = Number(values.count);
const step = Math.ceil(count / 10);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const root = mkdtempSync(join(tmpdir(), "pxedge-tftp-memory-"));
for (const [name, bytes] of Object.entries(FILES)) writeFileSync(join(root, name), new Uint8Array(bytes));
const server = await startChild(process.execPath, [
  ...FLAGS,
  SERVER,
  ADDRESS,
  "0",
  root,
  JSON.stringify(LIMITS),
]);
const ready = await waitFor(
  () => /^ready (\d+)$/m.exec(server.output()),
  20_000,
  () => `the server did not start:\n${server.output()}`,
);
const port = Number(ready[1]);

const descriptors = (): number => readdirSync(`/proc/${server.pid}/fd`).length;
const rssMib = (): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))![1]) / 1024;

async function transfer(file: string, isAbandoned: boolean): Promise<void> {
  const request = encode({ kind: "rrq", filename: file, mode: "octet", options: [] });
  const socket = createSocket("udp4");
  let got = 0;
  const ended = new Promise<void>((resolve) => {
    socket.on("message", (datagram, from) => {
      const block = datagram.readUInt16BE(2);
      if (block !== got + 1) return;
      got = block;
      if (isAbandoned && got === ABANDONED_AFTER_BLOCKS) {
        resolve();
        return;
      }
      socket.send(encode({ kind: "ack", block }), from.port, from.address);
      if (datagram.length < 4 + BLOCK_BYTES) resolve();
    });
  });
  const ask = (): void => socket.send(request, port, ADDRESS);
  ask();
  // A port that an abandoned transfer had is taken for that one until it is found silent.
  const retry = setInterval(() => got === 0 && ask(), 200);
  await ended;
  clearInterval(retry);
  // The last ACK is on its way.
  await new Promise((resolve) => setImmediate(resolve));
  socket.close();
  await once(socket, "close");
}

/** Each transfer has a socket, and each streamed file is open: waits until those are closed. */
async function waitForIdle(): Promise<void> {
  await waitFor(
    () => descriptors() <= before,
    10_000,
    () => `${descriptors() - before} descriptors more than before, with no transfer running`,
  );
}

const before = descriptors();
const rss: number[] = [];
try {
  say("transfers    RSS   descriptors");
  for (let done = 0; ; done += AT_A_TIME) {
    if (done >= rss.length * step) {
      await waitForIdle();
      rss.push(rssMib());
      say(`${String(done).padStart(9)} ${rss.at(-1)!.toFixed(1).padStart(6)} MiB ${descriptors()}`);
    }
    if (done >= count) break;
    const batch = Array.from({ length: AT_A_TIME }, (_, index) =>
      transfer(index % 2 === 0 ? "held" : "streamed", (done + index) % 3 === 0),
    );
    await Promise.all(batch);
  }
  const growth = rss.at(-1)! - rss[WARM_UP]!;
  say(`${growth.toFixed(1)} MiB more than after the first ${WARM_UP * step} transfers`);
  process.exitCode = growth < MAX_GROWTH_MIB ? 0 : 1;
} finally {
  await server.stop();
  rmSync(root, { recursive: true });
}
