import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { PAGES, readPages, withTables } from "./pages.ts";

describe.each(readPages())("docs/templates/$file", ({ file, text }) => {
  test("has the tables that its templates give (vitest -u writes them)", async () => {
    await expect(withTables(text)).toMatchFileSnapshot(fileURLToPath(new URL(file, PAGES)));
  });
});
