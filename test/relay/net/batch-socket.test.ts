import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { BatchSocket } from "../../../relay/net/batch-socket.ts";
import type { Endpoint } from "../../../relay/net/message-vector.ts";
import { waitFor } from "../../support/lab/wait.ts";

type Received = { readonly text: string; readonly source: Endpoint };

const cleanup: (() => unknown)[] = [];

afterEach(async () => {
  for (const each of cleanup.splice(0).toReversed()) await each();
});

async function plainSocket(port = 0): Promise<Socket> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 2 * 1024 * 1024 });
  socket.bind(port, "127.0.0.1");
  await once(socket, "listening");
  cleanup.push(() => new Promise<void>((resolve) => socket.close(resolve)));
  return socket;
}

async function freePort(): Promise<number> {
  const socket = await plainSocket();
  const { port } = socket.address();
  await cleanup.pop()!();
  return port;
}

type Opened = { socket: BatchSocket; port: number; received: Received[]; errors: string[] };

async function open(onDatagram?: (socket: BatchSocket, received: Received) => void): Promise<Opened> {
  const port = await freePort();
  const received: Received[] = [];
  const errors: string[] = [];
  const socket = new BatchSocket({
    device: "lo",
    port,
    onDatagram: (bytes, source) => {
      const datagram = { text: Buffer.from(bytes).toString(), source };
      received.push(datagram);
      onDatagram?.(socket, datagram);
    },
    onError: (error) => errors.push(error.message),
  });
  cleanup.push(() => socket.close());
  return { socket, port, received, errors };
}

describe("BatchSocket", () => {
  it("reads every datagram of a burst once, in order, with its source", async () => {
    const { port, received, errors } = await open();
    const [a, b] = [await plainSocket(), await plainSocket()];
    for (let i = 0; i < 500; i++) (i % 2 === 0 ? a : b).send(`${i}`, port, "127.0.0.1");
    await waitFor(
      () => received.length >= 500,
      5000,
      () => `${received.length} of 500`,
    );
    await sleep(20);
    const of = (socket: Socket): string[] =>
      received.filter(({ source }) => source.port === socket.address().port).map(({ text }) => text);
    expect(received).toHaveLength(500);
    expect(of(a)).toEqual(Array.from({ length: 250 }, (_, i) => `${2 * i}`));
    expect(of(b)).toEqual(Array.from({ length: 250 }, (_, i) => `${2 * i + 1}`));
    expect(received.every(({ source }) => source.address === "127.0.0.1")).toBe(true);
    expect(errors).toEqual([]);
  });

  it("sends what it took, each to its destination, when flushed or full", async () => {
    const { socket } = await open();
    const [a, b] = [await plainSocket(), await plainSocket()];
    const got = new Map<Socket, string[]>([a, b].map((each) => [each, []]));
    for (const each of [a, b]) each.on("message", (bytes) => got.get(each)!.push(bytes.toString()));
    for (let i = 0; i < 150; i++) {
      const { port } = (i % 3 === 0 ? a : b).address();
      socket.send(Buffer.from(`reply ${i}`), { address: "127.0.0.1", port });
    }
    const count = (): number => got.get(a)!.length + got.get(b)!.length;
    await waitFor(
      () => count() >= 128,
      5000,
      () => `${count()} of 128`,
    );
    expect(count()).toBe(128);
    socket.flush();
    await waitFor(
      () => count() >= 150,
      5000,
      () => `${count()} of 150`,
    );
    expect(got.get(a)!.slice(0, 3)).toEqual(["reply 0", "reply 3", "reply 6"]);
    expect(got.get(b)!.at(-1)).toBe("reply 149");
  });

  it("tells of the datagram that cannot be sent, and sends the rest", async () => {
    const { socket, errors } = await open();
    const client = await plainSocket();
    const got: string[] = [];
    client.on("message", (bytes) => got.push(bytes.toString()));
    const to = (address: string, text: string): void =>
      socket.send(Buffer.from(text), { address, port: client.address().port });
    to("127.0.0.1", "first");
    // Port 0 is nobody's: EINVAL.
    socket.send(Buffer.from("nowhere"), { address: "127.0.0.1", port: 0 });
    to("127.0.0.1", "last");
    socket.flush();
    await waitFor(
      () => got.length >= 2,
      5000,
      () => got.join(" "),
    );
    expect(got).toEqual(["first", "last"]);
    expect(errors).toEqual(["cannot send to lo: invalid argument"]);
  });

  it("sends and reads what is longer than an Ethernet frame", async () => {
    const { socket, port, received } = await open();
    const client = await plainSocket();
    const long = "x".repeat(20_000);
    const answer = once(client, "message");
    socket.send(Buffer.from(long), { address: "127.0.0.1", port: client.address().port });
    const [bytes] = (await answer) as [Buffer];
    expect(bytes.toString()).toBe(long);
    for (const text of ["a", "b", "y".repeat(9000)]) client.send(text, port, "127.0.0.1");
    await waitFor(
      () => received.length >= 3,
      5000,
      () => `${received.length} of 3`,
    );
    expect(received.map(({ text }) => text.length)).toEqual([1, 1, 9000]);
  });

  it("may be closed by what it reads, and then touches its descriptor no more", async () => {
    const closing: Promise<void>[] = [];
    const { port, received, errors, socket } = await open((self) => closing.push(self.close()));
    cleanup.pop();
    const client = await plainSocket();
    for (let i = 0; i < 100; i++) client.send(`${i}`, port, "127.0.0.1");
    await waitFor(
      () => received.length > 0,
      5000,
      () => "nothing came",
    );
    await Promise.all(closing);
    socket.send(Buffer.from("late"), { address: "127.0.0.1", port });
    socket.flush();
    await sleep(20);
    expect(received).toHaveLength(1);
    expect(errors).toEqual([]);
  });
});
