import { reset } from "cloudflare:test";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { explore } from "./explore.ts";
import { ModelSite } from "./site.ts";

/** In the ordinary tests; vitest.config.mjs beside this file runs them at length. */
const SLICE = 100;

let site: ModelSite;

beforeAll(async () => {
  site = await ModelSite.create("model");
});
afterAll(async () => {
  vi.useRealTimers();
  await reset();
});

const mutant = inject("mutant");

test.runIf(mutant === undefined)(
  "at most one install an arm, whatever is lost, repeated, late or restarted",
  async () => {
    const schedules = inject("schedules") ?? SLICE;
    const seed = inject("seed");
    const outcome = await explore(site, { schedules, seed, shrink: seed !== undefined });
    expect(outcome).toEqual({ kind: "held", schedules });
  },
  3_600_000,
);

test.runIf(mutant !== undefined)(
  `the schedules catch: ${mutant}`,
  async () => {
    const outcome = await explore(site, { schedules: inject("schedules") ?? SLICE, seed: inject("seed") });
    expect(outcome).toMatchObject({ kind: "broken" });
    if (outcome.kind === "broken") console.info(`CAUGHT after ${outcome.schedules}: ${outcome.rule}`);
  },
  3_600_000,
);
