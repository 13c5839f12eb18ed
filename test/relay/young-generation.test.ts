import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

import { run } from "../support/lab/child.ts";

const MODULE = fileURLToPath(new URL("../../relay/young-generation.ts", import.meta.url));

/**
 * Much that lives for a while, as promises of reads under way do; prints how
 * large the young generation then is: the median, since V8 holds more of it
 * for a moment while it collects.
 */
const CHURN = `
  if (process.argv[1] === "freeze") (await import(${JSON.stringify(MODULE)})).freezeYoungGeneration();
  const { getHeapSpaceStatistics } = await import("node:v8");
  const size = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space").space_size;
  const [kept, sizes] = [[], []];
  for (let i = 0; i < 800_000; i++) {
    kept[i % 50_000] = { i, text: "x" + i };
    if (i > 400_000 && i % 4_000 === 0) sizes.push(size());
  }
  console.log(sizes.sort((a, b) => a - b)[Math.floor(sizes.length / 2)]);
`;

test("the young generation stays as it is: V8 would let it grow many times", async () => {
  const churn = async (mode: string): Promise<number> =>
    Number(await run(process.execPath, ["--input-type=module", "--eval", CHURN, "--", mode]));
  expect(await churn("freeze")).toBeLessThan(4e6);
  expect(await churn("grow")).toBeGreaterThan(8e6);
});
