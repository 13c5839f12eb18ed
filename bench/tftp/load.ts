/**
 * A TFTP client that is not what limits: fetches one file a number of times
 * at once, checks every byte and prints how long each took, in milliseconds.
 *
 *     node bench/tftp/load.ts '{"server":"10.55.0.1","port":69,"file":"/srv/f","blockSize":1468,"windowSize":1,"count":1,"loss":0}'
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { encode } from "../../core/tftp-packet/index.ts";
import { batch, close, connect, createPoll, openSocket, receive, send, sockaddr } from "./load-socket.ts";

export type LoadOptions = {
  readonly server: string;
  readonly port: number;
  /** The file as it lies on disk; asked for by its last name. */
  readonly file: string;
  readonly blockSize: number;
  /** 1: the option is not sent. */
  readonly windowSize: number;
  readonly count: number;
  /** Share of DATA that the client pretends not to have got. */
  readonly loss: number;
};

export type LoadResult = {
  /** From the first request to the end of the last transfer. */
  readonly wallMs: number;
  /** Of each transfer. */
  readonly durationsMs: readonly number[];
};

/** After this much silence the client says again what it said last. */
const RETRY_MS = 1_000;

type Transfer = {
  readonly fd: number;
  readonly startedAt: number;
  heardAt: number;
  connected: boolean;
  windowSize: number;
  got: number;
  sinceAck: number;
  offset: number;
  gapTold: number;
  durationMs: number | undefined;
};

const options = JSON.parse(process.argv[2]!) as LoadOptions;
const expected = readFileSync(options.file);
const { blockSize, loss } = options;
const server = sockaddr(options.server, options.port);
const request = Buffer.from(
  encode({
    kind: "rrq",
    filename: basename(options.file),
    mode: "octet",
    options: [
      { name: "blksize", value: String(blockSize) },
      ...(options.windowSize > 1 ? [{ name: "windowsize", value: String(options.windowSize) }] : []),
    ],
  }),
);
const ack = Buffer.from([0, 4, 0, 0]);
let seed = 1350;
const random = (): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff) / 2 ** 31;

function start(): Transfer {
  const fd = openSocket(RETRY_MS);
  send(fd, request, server);
  const now = performance.now();
  return {
    fd,
    startedAt: now,
    heardAt: now,
    connected: false,
    windowSize: 1,
    got: 0,
    sinceAck: 0,
    offset: 0,
    gapTold: -1,
    durationMs: undefined,
  };
}

function acknowledge(transfer: Transfer): void {
  ack[2] = (transfer.got >>> 8) & 0xff;
  ack[3] = transfer.got & 0xff;
  transfer.sinceAck = 0;
  send(transfer.fd, ack, null);
}

function take(transfer: Transfer, index: number): void {
  const at = batch.start(index);
  const length = batch.length(index);
  if (!transfer.connected) {
    connect(transfer.fd, batch.source(index));
    transfer.connected = true;
  }
  const opcode = batch.bytes[at + 1];
  if (opcode === 6) {
    const text = batch.bytes.toString("latin1", at + 2, at + length);
    transfer.windowSize = Number(/windowsize\0(\d+)/.exec(text)?.[1] ?? 1);
    acknowledge(transfer);
    return;
  }
  if (opcode !== 3) throw new Error(`the server sent ${batch.bytes.toString("latin1", at, at + length)}`);
  if (loss > 0 && random() < loss) return;
  const block = (batch.bytes[at + 2]! << 8) | batch.bytes[at + 3]!;
  if (block !== ((transfer.got + 1) & 0xffff)) {
    // A gap, RFC 7440: told once, with what arrived whole.
    const ahead = (block - transfer.got) & 0xffff;
    if (ahead <= transfer.windowSize && transfer.gapTold !== transfer.got) {
      transfer.gapTold = transfer.got;
      acknowledge(transfer);
    }
    return;
  }
  const bytes = length - 4;
  if (batch.bytes.compare(expected, transfer.offset, transfer.offset + bytes, at + 4, at + length) !== 0) {
    throw new Error(`block ${transfer.got + 1} is not what the file has`);
  }
  transfer.got++;
  transfer.offset += bytes;
  transfer.sinceAck++;
  const isLast = bytes < blockSize;
  if (isLast || transfer.sinceAck === transfer.windowSize) acknowledge(transfer);
  if (!isLast) return;
  if (transfer.offset !== expected.length) throw new Error("the file is too short");
  transfer.durationMs = performance.now() - transfer.startedAt;
}

function serve(transfer: Transfer, wait: boolean): void {
  const received = receive(transfer.fd, wait);
  if (received > 0) transfer.heardAt = performance.now();
  for (let index = 0; index < received && transfer.durationMs === undefined; index++) take(transfer, index);
}

function retry(transfer: Transfer): void {
  const now = performance.now();
  if (transfer.durationMs !== undefined || now - transfer.heardAt < RETRY_MS) return;
  if (now - transfer.heardAt > 60_000) throw new Error("the server fell silent");
  if (transfer.connected) acknowledge(transfer);
  else send(transfer.fd, request, server);
}

const startedAt = performance.now();
const transfers = Array.from({ length: options.count }, start);
if (transfers.length === 1) {
  const only = transfers[0]!;
  while (only.durationMs === undefined) {
    serve(only, true);
    retry(only);
  }
} else {
  const poll = createPoll(transfers.map(({ fd }) => fd));
  let retriedAt = startedAt;
  while (transfers.some(({ durationMs }) => durationMs === undefined)) {
    poll((index) => serve(transfers[index]!, false));
    if (performance.now() - retriedAt < 100) continue;
    retriedAt = performance.now();
    for (const transfer of transfers) retry(transfer);
  }
}
const wallMs = performance.now() - startedAt;
for (const { fd } of transfers) close(fd);
const result: LoadResult = { wallMs, durationsMs: transfers.map(({ durationMs }) => durationMs!) };
process.stdout.write(`${JSON.stringify(result)}\n`);
