import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";

import type { WanConditions } from "../support/wan/conditions.ts";
import { startWan, type SimulatedWan } from "../support/wan/wan.ts";

const MIB = 1024 * 1024;

async function startBehindWan(handle: RequestListener, conditions: Partial<WanConditions>) {
  const server = createServer(handle).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const wan: SimulatedWan = await startWan({ origin, conditions });
  onTestFinished(() => wan.stop());
  return wan;
}

/** Headers and body arrive in two pieces. */
const sendMiB: RequestListener = (_request, response) => {
  response.writeHead(200, { "content-length": MIB });
  response.end(Buffer.alloc(MIB, "x"));
};

async function time(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return performance.now() - startedAt;
}

const get = async (url: string): Promise<ArrayBuffer> => await (await fetch(url)).arrayBuffer();

describe("the simulated WAN", () => {
  test("passes what it is given, and counts it", async () => {
    const wan = await startBehindWan(sendMiB, {});
    const body = await get(wan.url);
    expect(Buffer.from(body).equals(Buffer.alloc(MIB, "x"))).toBe(true);
    const counts = await wan.counts();
    expect(counts).toMatchObject({ connections: 1, exchanges: 1, stalled: 0, cut: 0 });
    expect(counts.bytesDown).toBeGreaterThan(MIB);
  });

  test("takes a round trip to connect and one to answer", async () => {
    const wan = await startBehindWan((_request, response) => response.end("ok"), { roundTripMs: 200 });
    expect(await time(() => get(wan.url))).toBeGreaterThan(390);
    // The connection is there already.
    const again = await time(() => get(wan.url));
    expect(again).toBeGreaterThan(190);
  });

  test("shares its rate among connections", async () => {
    const wan = await startBehindWan(sendMiB, { bitsPerSecond: 16 * 1024 * 1024 });
    // 4 MiB at 2 MiB a second.
    const tookMs = await time(() => Promise.all(Array.from({ length: 4 }, () => get(wan.url))));
    expect(tookMs).toBeGreaterThan(1900);
  });

  test("cuts answers in the middle", async () => {
    const wan = await startBehindWan(sendMiB, { cutShare: 1, cutAfterBytes: 100_000 });
    const answer = await fetch(wan.url);
    await expect(answer.arrayBuffer()).rejects.toThrow("terminated");
    expect(await wan.counts()).toMatchObject({ cut: 1, bytesDown: 100_000 });
    await wan.set({ cutShare: 0 });
    expect((await get(wan.url)).byteLength).toBe(MIB);
  });

  test("stalls answers in the middle, for a while", async () => {
    const wan = await startBehindWan(sendMiB, { stallShare: 1, stallAfterBytes: 100_000, stallMs: 300 });
    expect(await time(() => get(wan.url))).toBeGreaterThan(290);
    expect(await wan.counts()).toMatchObject({ stalled: 1 });
  });

  test("resets connections", async () => {
    const wan = await startBehindWan(sendMiB, { resetShare: 1 });
    await expect(fetch(wan.url)).rejects.toThrow("fetch failed");
    await wan.set({ resetShare: 0 });
    expect((await get(wan.url)).byteLength).toBe(MIB);
  });

  test("refuses while it is down, and cuts what is under way", async () => {
    const wan = await startBehindWan(sendMiB, { stallShare: 1, stallAfterBytes: 1000, stallMs: null });
    const answer = await fetch(wan.url);
    // Together: the cut can come before `set` has its answer.
    await Promise.all([
      expect(answer.arrayBuffer()).rejects.toThrow("terminated"),
      wan.set({ state: "refused" }),
    ]);
    await expect(fetch(wan.url)).rejects.toThrow("fetch failed");
    await wan.set({ state: "up", stallShare: 0 });
    expect((await get(wan.url)).byteLength).toBe(MIB);
  });

  test("holds everything while it is silent, and passes it afterwards", async () => {
    const wan = await startBehindWan(sendMiB, { state: "silent" });
    const body = get(wan.url);
    await expect(
      Promise.race([body, new Promise((resolve) => setTimeout(resolve, 300, "waiting"))]),
    ).resolves.toBe("waiting");
    await wan.set({ state: "up" });
    expect((await body).byteLength).toBe(MIB);
  });
});
