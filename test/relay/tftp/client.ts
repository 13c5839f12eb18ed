import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { decode, encode, type TftpPacket } from "../../../core/tftp-packet/index.ts";

/** Longer than any server timer of these tests, shorter than a test. */
const PATIENCE_MS = 15_000;

type Received = { readonly packet: TftpPacket; readonly from: RemoteInfo };

/** A TFTP client moved by hand, one datagram at a time. */
export type Client = {
  readonly port: number;
  send(packet: TftpPacket | Uint8Array, to: number): void;
  /** The next datagram; fails when none comes. */
  next(): Promise<Received>;
  /** The next datagram's packet, which must be of `kind`. */
  expect<K extends TftpPacket["kind"]>(
    kind: K,
  ): Promise<{ packet: Extract<TftpPacket, { kind: K }>; from: RemoteInfo }>;
  /** Fails if a datagram comes within `ms`. */
  silence(ms: number): Promise<void>;
  close(): Promise<void>;
};

/** Opens a client on loopback; everything it sends goes to `serverAddress`. */
export async function openClient(serverAddress = "127.0.0.1", port = 0): Promise<Client> {
  const socket: Socket = createSocket("udp4");
  const inbox: Received[] = [];
  let wake: (() => void) | undefined;
  socket.on("message", (datagram, from) => {
    inbox.push({ packet: decode(Uint8Array.from(datagram)), from });
    wake?.();
  });
  socket.bind(port, "127.0.0.1");
  await once(socket, "listening");

  async function arrival(ms: number): Promise<Received | undefined> {
    const deadline = performance.now() + ms;
    while (inbox.length === 0) {
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return inbox.shift();
  }

  const client: Client = {
    port: socket.address().port,
    send: (packet, to) =>
      socket.send(packet instanceof Uint8Array ? packet : encode(packet), to, serverAddress),
    async next() {
      const received = await arrival(PATIENCE_MS);
      if (received === undefined) throw new Error("the server did not answer");
      return received;
    },
    async expect(kind) {
      const { packet, from } = await client.next();
      if (packet.kind !== kind) throw new Error(`expected ${kind}, got ${describe(packet)}`);
      return { packet: packet as never, from };
    },
    async silence(ms) {
      const received = await arrival(ms);
      if (received !== undefined) throw new Error(`expected silence, got ${describe(received.packet)}`);
    },
    async close() {
      socket.close();
      await once(socket, "close");
    },
  };
  return client;
}

function describe(packet: TftpPacket): string {
  return packet.kind === "data" ? `DATA ${packet.block}` : JSON.stringify(packet);
}

/** A read request; options by name. */
export function rrq(filename: string, options: Record<string, string> = {}, mode = "octet"): TftpPacket {
  return {
    kind: "rrq",
    filename,
    mode,
    options: Object.entries(options).map(([name, value]) => ({ name, value })),
  };
}

/** Fetches a whole file, acknowledging each block that `drop` lets through. */
export async function fetchFile(
  client: Client,
  serverPort: number,
  request: TftpPacket,
  drop: (block: number) => boolean = () => false,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let blockSize = 512;
  let windowSize = 1;
  let got = 0;
  let sinceAck = 0;
  client.send(request, serverPort);
  for (;;) {
    const { packet, from } = await client.next();
    if (packet.kind === "oack") {
      for (const { name, value } of packet.options) {
        if (name === "blksize") blockSize = Number(value);
        if (name === "windowsize") windowSize = Number(value);
      }
      if (!drop(0)) client.send({ kind: "ack", block: 0 }, from.port);
      continue;
    }
    if (packet.kind !== "data") throw new Error(`the server sent ${describe(packet)}`);
    if (drop(packet.block) || packet.block !== ((got + 1) & 0xffff)) continue;
    got++;
    sinceAck++;
    parts.push(packet.data);
    const last = packet.data.length < blockSize;
    if (sinceAck === windowSize || last) {
      client.send({ kind: "ack", block: got & 0xffff }, from.port);
      sinceAck = 0;
    }
    if (last) return Buffer.concat(parts);
  }
}
