import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";

import type { HttpServerLimits } from "../../../relay/http/server.ts";
import { ask, converse, deadOrigin, startRelayHttp } from "./fixture.ts";
import { eventually } from "../../support/eventually.ts";

const LIMITS: HttpServerLimits = {
  connections: { total: 20, perClient: 12 },
  headTimeoutMs: 10_000,
  requestTimeoutMs: 120_000,
  idleTimeoutMs: 120_000,
};
const STAGE_ONE = "GET /boot.ipxe HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n";

/** A connection, and what came over it. */
type Connection = { readonly socket: Socket; readonly text: () => string };

async function open(port: number, from = "127.0.0.1"): Promise<Connection> {
  const socket = connect({ port, host: "127.0.0.1", localAddress: from });
  onTestFinished(() => void socket.destroy());
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return { socket, text: () => text };
}

describe("connections", () => {
  test("no client has more than its part, and no others than all; who is over is told when to come back", async () => {
    const relay = await startRelayHttp(await deadOrigin(), { limits: LIMITS });
    const first = await Promise.all(Array.from({ length: 12 }, () => open(relay.port)));
    const over = await open(relay.port);
    await once(over.socket, "end");
    expect(over.text()).toMatch(
      /^HTTP\/1\.1 503 [^]*\r\nRetry-After: 5\r\n[^]*too many connections; try again\n$/,
    );
    // What it asks all the same is not answered.
    const stubborn = await open(relay.port);
    stubborn.socket.write(STAGE_ONE);
    await once(stubborn.socket, "close");
    expect(stubborn.text().match(/HTTP\/1\.1/g)).toHaveLength(1);

    const second = await Promise.all(Array.from({ length: 8 }, () => open(relay.port, "127.0.0.2")));
    const third = await open(relay.port, "127.0.0.3");
    await once(third.socket, "end");
    expect(third.text()).toContain("503");
    expect(relay.logLines.join("")).toContain("a connection was refused: there are too many");

    // Room again.
    first[0]!.socket.destroy();
    second[0]!.socket.destroy();
    await eventually(async () => {
      const again = await open(relay.port, "127.0.0.3");
      again.socket.write(STAGE_ONE);
      await once(again.socket, "close");
      expect(again.text()).toMatch(/^HTTP\/1\.1 200 /);
    });
  });

  test("those that wait for a next request give way when it becomes crowded", async () => {
    const relay = await startRelayHttp(await deadOrigin(), { limits: LIMITS });
    const idle = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const connection = await open(relay.port);
        connection.socket.write("GET /boot.ipxe HTTP/1.1\r\nHost: r\r\n\r\n");
        await eventually(() => expect(connection.text()).toContain("#!ipxe"));
        return connection;
      }),
    );
    const closed = idle.map(({ socket }) => once(socket, "close"));
    await Promise.all(Array.from({ length: 8 }, () => open(relay.port, "127.0.0.2")));
    await Promise.all(closed);
  });

  test("ten thousand from one box: it has its part, and the others are served", async () => {
    const limits = { ...LIMITS, connections: { total: 4096, perClient: 2048 }, headTimeoutMs: 120_000 };
    const relay = await startRelayHttp(await deadOrigin(), { limits });
    const limit = Number(
      /Max open files +\d+ +(\d+|unlimited)/.exec(readFileSync("/proc/self/limits", "utf8"))![1],
    );
    const count = Math.min(10_000, (Number.isNaN(limit) ? Infinity : limit) - 200);
    const flood = spawn(process.execPath, ["-e", FLOOD, String(relay.port), String(count)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    onTestFinished(() => void flood.kill("SIGKILL"));
    const [line] = (await once(flood.stdout, "data")) as [Buffer];
    const { held, told, dropped } = JSON.parse(line.toString()) as Record<string, number>;
    expect(held! + told! + dropped!).toBe(count);
    expect(held).toBe(2048);
    expect(told).toBeGreaterThan(0);
    const other = await open(relay.port, "127.0.0.2");
    other.socket.write(STAGE_ONE);
    await once(other.socket, "close");
    expect(other.text()).toMatch(/^HTTP\/1\.1 200 /);
    // However many are refused, the log has a line or two.
    expect(relay.logLines.filter((text) => text.includes("there are too many")).length).toBeLessThan(10);
  }, 60_000);
});

/** Opens connections that say nothing; once nothing happens any more, tells what became of them. */
const FLOOD = `
const { connect } = require("node:net");
const [port, count] = process.argv.slice(1).map(Number);
let started = 0, held = 0, told = 0, dropped = 0, happened = 0;
const next = () => {
  if (started >= count) return;
  started += 1;
  const socket = connect(port, "127.0.0.1");
  let wasTold = false;
  socket.on("connect", () => { held += 1; happened += 1; next(); });
  socket.on("data", (bytes) => { wasTold = bytes.toString().startsWith("HTTP/1.1 503 "); });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    held -= 1;
    happened += 1;
    if (wasTold) told += 1; else dropped += 1;
  });
};
for (let i = 0; i < 100; i++) next();
let seen = -1;
setInterval(() => {
  if (happened === seen) console.log(JSON.stringify({ held, told, dropped }));
  seen = happened;
}, 3000);
`;

describe("slow clients", () => {
  const impatient: HttpServerLimits = {
    ...LIMITS,
    headTimeoutMs: 300,
    requestTimeoutMs: 600,
    idleTimeoutMs: 400,
  };

  test("a head that does not end: 408", async () => {
    const relay = await startRelayHttp(await deadOrigin(), { limits: impatient });
    const slow = await open(relay.port);
    const timer = setInterval(() => slow.socket.write("X-A: b\r\n"), 50);
    onTestFinished(() => clearInterval(timer));
    slow.socket.write("GET /boot.ipxe HTTP/1.1\r\nHost: r\r\n");
    await once(slow.socket, "close");
    expect(slow.text()).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("a body that does not end: 408", async () => {
    const relay = await startRelayHttp(await deadOrigin(), { limits: impatient });
    const slow = await open(relay.port);
    const timer = setInterval(() => slow.socket.write("x"), 50);
    onTestFinished(() => clearInterval(timer));
    slow.socket.write("POST /a/capability/file HTTP/1.1\r\nHost: r\r\nContent-Length: 100000\r\n\r\n");
    await once(slow.socket, "close");
    // Or what the control plane's absence comes to, whichever is first.
    expect(slow.text()).toMatch(/^HTTP\/1\.1 (?:408|503) /);
  });

  test("a client that takes nothing is cut off, and no more was read for it than it could take", async () => {
    const relay = await startRelayHttp(await deadOrigin(), { limits: impatient });
    await writeFile(join(relay.root, "large.efi"), Buffer.alloc(64 * 2 ** 20, "x"));
    const lazy = connect(relay.port, "127.0.0.1");
    onTestFinished(() => void lazy.destroy());
    lazy.on("error", () => undefined);
    lazy.write("GET /f/large.efi HTTP/1.1\r\nHost: r\r\n\r\n");
    lazy.pause();
    await eventually(() =>
      expect(relay.events).toContainEqual(
        expect.objectContaining({
          name: "failed",
          detail: expect.objectContaining({
            path: "/f/large.efi",
            reason: expect.stringContaining("left"),
          }),
        }),
      ),
    );
    const { reason } = relay.events.find(({ name }) => name === "failed")!.detail;
    const sent = Number(/after (\d+) bytes/.exec(String(reason))![1]);
    // Two buffers of ours and the kernel's.
    expect(sent).toBeLessThan(16 * 2 ** 20);
  });

  test("one that breaks off hurts nobody", async () => {
    const relay = await startRelayHttp(await deadOrigin(), { limits: impatient });
    const gone = await open(relay.port);
    gone.socket.write("GET /boot.ip");
    gone.socket.resetAndDestroy();
    expect((await ask(`${relay.url}/boot.ipxe`)).status).toBe(200);
    expect(await converse(relay.port, STAGE_ONE)).toMatch(/^HTTP\/1\.1 200 /);
  });
});
