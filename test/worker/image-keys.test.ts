import { expect, test } from "vitest";
import { deriveSiteKeys } from "../../worker/image-keys.ts";

const [A, B] = ["A".repeat(43), `${"B".repeat(42)}A`];

test("a site's keys are derived once, apart by site, key id and master key", async () => {
  const [first] = await deriveSiteKeys(`k1:${A}`, "site-1");
  const [again, older] = await deriveSiteKeys(`k1:${A},k0:${B}`, "site-1");
  expect(again!.key).toBe(first!.key);
  expect(older!.key).not.toEqual(first!.key);
  for (const [keys, site] of [
    [`k1:${A}`, "site-2"],
    [`k1:${B}`, "site-1"],
  ] as const) {
    const [other] = await deriveSiteKeys(keys, site);
    expect(other!.key).not.toEqual(first!.key);
  }
  // The key id names a key, it is no part of it.
  expect((await deriveSiteKeys(`k2:${A}`, "site-1"))[0]!.key).toEqual(first!.key);
});

test("what is forgotten is derived anew", async () => {
  const [first] = await deriveSiteKeys(`k1:${A}`, "forgotten");
  for (let i = 0; i < 4_096; i++) await deriveSiteKeys(`k1:${A}`, `other-${i}`);
  const [again] = await deriveSiteKeys(`k1:${A}`, "forgotten");
  expect(again!.key).not.toBe(first!.key);
  expect(again!.key).toEqual(first!.key);
});
