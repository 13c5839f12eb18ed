import { fileURLToPath } from "node:url";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { MUTANTS, applyMutant } from "./mutants.ts";

/**
 * The model at length, beside the slice of the ordinary tests:
 *
 *     npx vitest run --config test/worker/model/vitest.config.mjs
 *
 * Of the environment: SCHEDULES (10,000), SEED (random; where it is given, what
 * breaks a rule is shrunk), MUTANT (a fault to be made, see mutants.ts), MACS
 * (10,000: unknown machines that ask for a script and for answers).
 */
const root = fileURLToPath(new URL("../../..", import.meta.url));
const { SCHEDULES = "10000", MACS = "10000", SEED, MUTANT } = process.env;
const mutant = MUTANTS.find(({ name }) => name === MUTANT);
if (MUTANT !== undefined && mutant === undefined) throw new Error(`there is no mutant "${MUTANT}"`);

export default defineConfig({
  root,
  plugins: [
    cloudflareTest({
      wrangler: { configPath: `${root}wrangler.toml` },
      miniflare: {
        bindings: {
          ADMIN_TOKEN: "pxa_for-tests-only-0000000000",
          IMAGE_KEYS: "t1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        },
      },
    }),
    ...(mutant === undefined ? [] : [mutate(mutant)]),
  ],
  test: {
    include: [
      "test/worker/model/at-most-one-install.test.ts",
      ...(MUTANT === undefined ? ["test/worker/model/unknown-machines.test.ts"] : []),
    ],
    // It would hand one mutant's modules to the next.
    fsModuleCache: false,
    provide: {
      schedules: Number(SCHEDULES),
      unknownMacs: Number(MACS),
      ...(SEED !== undefined && { seed: Number(SEED) }),
      ...(MUTANT !== undefined && { mutant: MUTANT }),
    },
  },
});

/** Makes the fault in what is loaded; the file itself stays as it is. */
function mutate(mutant) {
  return {
    name: "mutant",
    enforce: "pre",
    transform: (code, id) => (id === root + mutant.file ? applyMutant(mutant, code) : null),
  };
}
