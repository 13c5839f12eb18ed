import { reset } from "cloudflare:test";
import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { explore } from "./explore.ts";
import { ModelSite } from "./site.ts";

/** In the ordinary tests; vitest.config.mjs beside this file runs them at length. */
const SLICE = 100;
/** The slice is the same each time: what new schedules find shall not hold up an unrelated change. */
const SLICE_SEED = 20261121;

let site: ModelSite;

beforeAll(async () => {
  site = await ModelSite.create("model");
});
afterAll(async () => {
  vi.useRealTimers();
  await reset();
});

const mutant = inject("mutant");

/** With a fault built in, what counts is that the schedules find it. */
const claim =
  mutant === undefined
    ? "at most one install an arm, whatever is lost, repeated, late or restarted"
    : `the schedules catch: ${mutant}`;

test(claim, { timeout: 3_600_000 }, async () => {
  const given = { schedules: inject("schedules"), seed: inject("seed") };
  const schedules = given.schedules ?? SLICE;
  const seed = given.seed ?? (given.schedules === undefined ? SLICE_SEED : undefined);
  const outcome = await explore(site, { schedules, seed, shrink: given.seed !== undefined });
  if (outcome.kind === "broken" && mutant !== undefined) {
    console.info(`CAUGHT after ${outcome.schedules}: ${outcome.rule}`);
  }
  expect(outcome).toMatchObject(mutant === undefined ? { kind: "held", schedules } : { kind: "broken" });
});
