import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { inTurns } from "../../cli/in-turns.ts";

const ITEMS = Array.from({ length: 50 }, (_, i) => i);

test("results are in the items' order, and a few are under way at a time", async () => {
  let [underWay, most] = [0, 0];
  const results = await inTurns(ITEMS, async (item) => {
    most = Math.max(most, ++underWay);
    // Later ones end earlier.
    for (let turn = item % 7; turn < 7; turn++) await setImmediate();
    underWay--;
    return item * 2;
  });
  expect(results).toEqual(ITEMS.map((item) => item * 2));
  expect(most).toBe(8);
  expect(await inTurns([], () => Promise.reject(new Error("nothing is asked for")))).toEqual([]);
});

test("after a failure none is begun, and it is thrown when those under way have ended", async () => {
  const [begun, ended]: [number[], number[]] = [[], []];
  const work = inTurns(ITEMS, async (item) => {
    begun.push(item);
    await setImmediate();
    if (item === 3) throw new Error("of 3");
    await setImmediate();
    ended.push(item);
  });
  await expect(work).rejects.toThrow("of 3");
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(ended).toEqual([0, 1, 2, 4, 5, 6, 7]);
});
