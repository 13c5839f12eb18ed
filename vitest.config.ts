import { defineConfig } from "vitest/config";

/** A project a folder of test/; the worker's run inside workerd. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "core", include: ["test/core/**/*.test.ts"] } },
      { test: { name: "relay", include: ["test/relay/**/*.test.ts"], testTimeout: 20_000 } },
      { test: { name: "cli", include: ["test/cli/**/*.test.ts", "test/*.test.ts"], testTimeout: 120_000 } },
    ],
  },
});
