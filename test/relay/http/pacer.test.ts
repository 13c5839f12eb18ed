import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { createPacer, type Pacer } from "../../../relay/http/pacer.ts";

const MIB = 2 ** 20;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A client that takes piece after piece; counts what it has had. */
function download(pacer: Pacer, client: string) {
  const state = { bytes: 0, left: false };
  void (async () => {
    while (!state.left) {
      await pacer.take(client, pacer.pieceBytes, () => !state.left);
      state.bytes += pacer.pieceBytes;
    }
  })();
  return state;
}

describe("a pacer", () => {
  test("lets all through at once without a rate", async () => {
    const pacer = createPacer({ bytesPerSecond: null, bytesPerSecondPerClient: null, now: Date.now });
    expect(pacer.pieceBytes).toBe(Infinity);
    await pacer.take("a", 2 ** 40, () => true);
    await pacer.take("a", 2 ** 40, () => true);
  });

  test("keeps all clients together to their rate, each its part, however many connections it has", async () => {
    const pacer = createPacer({ bytesPerSecond: 10 * MIB, bytesPerSecondPerClient: null, now: Date.now });
    const one = download(pacer, "a");
    const many = Array.from({ length: 8 }, () => download(pacer, "b"));
    await vi.advanceTimersByTimeAsync(10_000);
    const b = many.reduce((sum, { bytes }) => sum + bytes, 0);
    expect((one.bytes + b) / (100 * MIB)).toBeCloseTo(1, 1);
    expect(one.bytes / b).toBeCloseTo(1, 1);
  });

  test("keeps each client to its own rate, and gives what it may not use to others", async () => {
    const pacer = createPacer({ bytesPerSecond: 10 * MIB, bytesPerSecondPerClient: 4 * MIB, now: Date.now });
    const [a, b] = [download(pacer, "a"), download(pacer, "b")];
    await vi.advanceTimersByTimeAsync(10_000);
    expect(a.bytes / (40 * MIB)).toBeCloseTo(1, 1);
    const others = [download(pacer, "c"), download(pacer, "d")];
    const before = a.bytes + b.bytes;
    await vi.advanceTimersByTimeAsync(10_000);
    const all = [a, b, ...others].reduce((sum, { bytes }) => sum + bytes, 0);
    expect((all - before) / (100 * MIB)).toBeCloseTo(1, 1);
    for (const other of others) expect(other.bytes / (25 * MIB)).toBeCloseTo(1, 1);
  });

  test("spends nothing on a client that has left", async () => {
    const pacer = createPacer({ bytesPerSecond: MIB, bytesPerSecondPerClient: null, now: Date.now });
    const leaving = Array.from({ length: 50 }, () => download(pacer, "a"));
    const staying = download(pacer, "b");
    await vi.advanceTimersByTimeAsync(1000);
    for (const each of leaving) each.left = true;
    const had = staying.bytes;
    await vi.advanceTimersByTimeAsync(10_000);
    expect((staying.bytes - had) / (10 * MIB)).toBeCloseTo(1, 1);
  });

  test("who was quiet for an hour may not make up for it", async () => {
    const pacer = createPacer({ bytesPerSecond: MIB, bytesPerSecondPerClient: null, now: Date.now });
    await vi.advanceTimersByTimeAsync(3_600_000);
    const a = download(pacer, "a");
    await vi.advanceTimersByTimeAsync(1000);
    expect(a.bytes).toBeLessThan(1.3 * MIB);
  });
});
