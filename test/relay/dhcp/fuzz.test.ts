import { expect, it } from "vitest";
import { fuzz } from "./support/fuzz.ts";

it("D14 nothing gets past the loop: 50,000 mutated packets of every kind", { timeout: 60_000 }, async () => {
  const { stats, failures } = await fuzz(50_000, 1);
  expect(failures).toEqual([]);
  expect(stats.failed).toBe(0);
  expect(stats.received).toBeGreaterThanOrEqual(50_000);
  // It is no test of the decoder alone.
  for (const count of [stats.malformed, stats.offered, stats.acknowledged, stats.refused, stats.informed]) {
    expect(count).toBeGreaterThan(100);
  }
});
