/**
 * Memory and descriptors of the TFTP server over many transfers, a third of
 * which the client abandons in the middle: both must stay flat.
 *
 *     node --expose-gc bench/tftp-memory.ts [--count 10000]
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { encode } from "../core/tftp-packet/index.ts";
import { createTftpServer } from "../relay/tftp/server.ts";

const { values } = parseArgs({ options: { count: { type: "string", default: "10000" } } });
const count = Number(values.count);
const MIB = 1024 * 1024;
const AT_A_TIME = 32;
const BLOCK_BYTES = 512;

const root = mkdtempSync(join(tmpdir(), "pxedge-tftp-memory-"));
writeFileSync(join(root, "f"), new Uint8Array(20_000));
const unused = (): void => undefined;
const server = createTftpServer({
  root,
  address: "127.0.0.1",
  port: 0,
  mtuBytes: 1500,
  onEvent: unused,
  macOf: () => null,
  isServed: () => true,
  log: { debug: unused, info: unused, warn: unused, error: unused },
  // Streamed, and abandoned ones given up soon, so that the run takes a minute.
  limits: { maxTransfersPerClient: 512, resendIntervalMs: 50, maxResends: 2, maxCachedFileBytes: 0 },
});
const { port } = await server.start();
const request = encode({ kind: "rrq", filename: "f", mode: "octet", options: [] });
const descriptors = (): number => readdirSync("/proc/self/fd").length;
const rssMib = (): number => {
  globalThis.gc?.();
  return process.memoryUsage.rss() / MIB;
};

async function transfer(isAbandoned: boolean): Promise<void> {
  const socket = createSocket("udp4");
  let got = 0;
  const ended = new Promise<void>((resolve) => {
    socket.on("message", (datagram, from) => {
      const block = datagram.readUInt16BE(2);
      if (block !== got + 1) return;
      got = block;
      socket.send(encode({ kind: "ack", block }), from.port, from.address);
      if (datagram.length < 4 + BLOCK_BYTES || (isAbandoned && got === 5)) resolve();
    });
  });
  const ask = (): void => socket.send(request, port, "127.0.0.1");
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

async function idle(): Promise<void> {
  while (server.stats().active > 0) await new Promise((resolve) => setTimeout(resolve, 50));
}

const before = descriptors();
const rss: number[] = [];
for (let done = 0; done < count; done += AT_A_TIME) {
  const batch = Array.from({ length: AT_A_TIME }, (_, index) => transfer((done + index) % 3 === 0));
  await Promise.all(batch);
  if (Math.floor((done * 10) / count) < rss.length) continue;
  await idle();
  rss.push(rssMib());
}
await idle();
rss.push(rssMib());
const { sent, failed } = server.stats();
const leaked = descriptors() - before;
const growth = rss.at(-1)! - rss[3]!;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
say(`${sent} transfers sent, ${failed} given up`);
say(`RSS in MiB, at each tenth: ${rss.map((each) => each.toFixed(0)).join(" ")}`);
say(`${growth.toFixed(1)} MiB more than after three tenths, ${leaked} descriptors more than before`);
await server.stop();
rmSync(root, { recursive: true });
process.exitCode = growth < 16 && leaked === 0 ? 0 : 1;
