import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { encode } from "../../../core/tftp-packet/index.ts";
import { fetchFile, rrq } from "./client.ts";
import { pattern, startRig, type Rig } from "./rig.ts";

/** A slice of the ten million that CI's long run does; the seed tells which. */
const MUTATIONS = 20_000;

const FILE = pattern(20_000);

/** mulberry32: the same datagrams each time. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SAMPLES = [
  encode(rrq("a.efi", { tsize: "0", blksize: "1468", windowsize: "4", timeout: "1" })),
  encode(rrq("../a.efi", {}, "netascii")),
  encode({ kind: "wrq", filename: "a.efi", mode: "octet", options: [] }),
  encode({ kind: "data", block: 1, data: pattern(32) }),
  encode({ kind: "ack", block: 1 }),
  encode({ kind: "error", code: 0, message: "no" }),
  encode({ kind: "oack", options: [{ name: "blksize", value: "512" }] }),
];

function mutated(random: () => number): Uint8Array {
  const sample = SAMPLES[Math.floor(random() * SAMPLES.length)]!;
  const bytes = sample.slice(0, random() < 0.3 ? Math.floor(random() * (sample.length + 1)) : sample.length);
  for (let edits = Math.floor(random() * 5); edits > 0 && bytes.length > 0; edits--) {
    bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  }
  return bytes;
}

/** Sends mutations from a few ports, slowly enough that the kernel drops few. */
async function bombard(port: number, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const sockets = Array.from({ length: 4 }, () => createSocket("udp4"));
  for (let sent = 0; sent < MUTATIONS; sent++) {
    const socket = sockets[sent % sockets.length]!;
    socket.send(mutated(random), port, "127.0.0.1");
    if (sent % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const socket of sockets) {
    socket.close();
    await once(socket, "close");
  }
}

function assertUnharmed(rig: Rig): void {
  const surprises = rig.log.filter(
    ({ level, fields }) => level === "error" || String(fields["reason"]).startsWith("unexpected"),
  );
  expect(surprises).toEqual([]);
}

function watchExceptions(): unknown[] {
  const seen: unknown[] = [];
  const see = (error: unknown) => seen.push(error);
  process.on("uncaughtException", see).on("unhandledRejection", see);
  onTestFinished(() => {
    process.off("uncaughtException", see).off("unhandledRejection", see);
  });
  return seen;
}

test("mutated datagrams to the listening port: no exception, and it keeps serving", async () => {
  const exceptions = watchExceptions();
  const rig = await startRig({
    files: { "a.efi": FILE },
    limits: { maxTransfersPerClient: 64, maxUnheardPerClient: 64 },
  });
  await bombard(rig.port, 69);
  await rig.idle();
  const { ignored, refused } = rig.server.stats();
  expect(ignored + refused).toBeGreaterThan(1_000);
  expect(exceptions).toEqual([]);
  assertUnharmed(rig);
  // An address that left so many transfers unanswered is not heard for a moment: clients ask again.
  const [client, request] = [await rig.client(), rrq("a.efi", { blksize: "1468" })];
  const asking = setInterval(() => client.send(request, rig.port), 500);
  const got = await fetchFile(client, rig.port, request).finally(() => clearInterval(asking));
  expect(Buffer.compare(got, FILE)).toBe(0);
}, 60_000);

test("mutated datagrams to a transfer's port: no exception, and the transfer goes on", async () => {
  const exceptions = watchExceptions();
  const rig = await startRig({
    files: { "a.efi": FILE },
    limits: { resendIntervalMs: 200, maxResends: 200, maxCachedFileBytes: 0 },
  });
  const client = await rig.client();
  client.send(rrq("a.efi", { blksize: "1468" }), rig.port);
  const { from } = await client.expect("oack");
  client.send({ kind: "ack", block: 0 }, from.port);
  await bombard(from.port, 1350);
  const blocks: Uint8Array[] = [];
  while (blocks.at(-1) === undefined || blocks.at(-1)!.length === 1468) {
    const { packet } = await client.expect("data");
    if (packet.block !== blocks.length + 1) continue;
    blocks.push(packet.data);
    client.send({ kind: "ack", block: packet.block }, from.port);
  }
  expect(Buffer.compare(Buffer.concat(blocks), FILE)).toBe(0);
  await rig.idle();
  expect(exceptions).toEqual([]);
  assertUnharmed(rig);
  expect(rig.events).toMatchObject([{ name: "sent", detail: { bytes: FILE.length } }]);
}, 60_000);

test("mutated datagrams from the client itself: the transfer ends, its state is freed", async () => {
  const exceptions = watchExceptions();
  const rig = await startRig({
    files: { "a.efi": FILE },
    limits: { resendIntervalMs: 10, maxResends: 2, maxUnheardPerClient: 16 },
  });
  const random = seededRandom(7440);
  for (let run = 0; run < 100; run++) {
    const client = await rig.client();
    client.send(rrq("a.efi", { windowsize: "4", tsize: "0" }), rig.port);
    const { from } = await client.expect("oack");
    for (let sent = 0; sent < 20; sent++) client.send(mutated(random), from.port);
  }
  await rig.idle();
  expect(exceptions).toEqual([]);
  assertUnharmed(rig);
  const { sent, probed, failed } = rig.server.stats();
  expect(sent + probed + failed).toBe(100);
}, 60_000);
