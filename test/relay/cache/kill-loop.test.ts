import { expect, test } from "vitest";

import { runKillLoop } from "./kill-loop.ts";

test(
  "kill -9 in fills, commits and evictions, and torn files: no wrong byte",
  { timeout: 120_000 },
  async () => {
    const result = await runKillLoop({ rounds: 6, seed: Date.now() % 1e6 });
    expect(result.wrong).toEqual([]);
    expect(result.whole).toBeGreaterThan(0);
    expect(result.servedBytes).toBeGreaterThan(10_000_000);
  },
);
