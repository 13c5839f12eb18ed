import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { applyMutant, MUTANTS } from "./worker/model/mutants.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
  "the fault can still be made: %s",
  (_, mutant) => {
    const code = readFileSync(ROOT + mutant.file, "utf8");
    expect(applyMutant(mutant, code)).not.toBe(code);
  },
);
