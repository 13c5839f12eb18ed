import { expect, test } from "vitest";

import packageJson from "../../package.json" with { type: "json" };
import { VERSION } from "../../relay/version.ts";

test("a relay's version is the package's", () => {
  expect(VERSION).toBe(packageJson.version);
});
