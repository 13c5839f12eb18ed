import { describe, expect, test } from "vitest";
import { checkValues, contextsWithout } from "./read-back/check.ts";
import { READ_BACKS } from "./read-back/index.ts";
import { jsonParse } from "./read-back/in-process.ts";
import { checkSurroundings, SURROUNDINGS } from "./read-back/surroundings.ts";
import { generateValues } from "./read-back/values.ts";

/** A short slice of `escaping-fuzz.ts`, which is run by hand. */
const VALUES = Array.from(
  { length: 1600 },
  (
    (generator) => () =>
      generator.next().value as string
  )(generateValues(20260101)),
);

test("every context is read back", () => {
  expect(contextsWithout(READ_BACKS)).toEqual([]);
});

describe("what a parser of the language reads back is what went in, or the value is refused by name", () => {
  for (const readBack of READ_BACKS) {
    const readers = readBack.readers.filter(({ available }) => available);
    test.skipIf(readers.length === 0)(
      `${readBack.context}, read by ${readers.map(({ name }) => name).join(", ")}`,
      { timeout: 60_000 },
      () => {
        const tally = checkValues(readBack, VALUES, 0);
        expect(tally.failures).toEqual([]);
        expect(tally.read).toBeGreaterThan(VALUES.length / 3);
      },
    );
  }
});

test("the check catches a language that is not the context's", () => {
  const wrong = {
    context: "preseed",
    positions: [{ body: '# {{x}}\nd-i a/b string "{{x}}"', expect: (x: string) => [x] }],
    readers: [jsonParse],
  } as const;
  expect(checkValues(wrong, ["a"], 0).failures).toHaveLength(1);
});

describe("whatever text stands around it, a value changes nothing but itself", () => {
  for (const surroundings of SURROUNDINGS) {
    const { context, reader } = surroundings;
    test.skipIf(!reader.available)(`${context}, read by ${reader.name}`, { timeout: 60_000 }, () => {
      const { compared, failures } = checkSurroundings(surroundings, 3000, 5);
      expect(failures).toEqual([]);
      expect(compared).toBeGreaterThan(50);
    });
  }
});
