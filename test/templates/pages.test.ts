import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readLibrary } from "./library.ts";
import { PAGES, readPages, withTables } from "./pages.ts";

describe.each(readPages())("docs/templates/$file", ({ file, text }) => {
  test("has the tables that its templates give (vitest -u writes them)", async () => {
    await expect(withTables(text)).toMatchFileSnapshot(fileURLToPath(new URL(file, PAGES)));
  });
});

test("every template that takes variables has them on a page", () => {
  const texts = readPages().map(({ text }) => text);
  const missing = readLibrary()
    .filter(({ template }) => Object.keys(template.variables).length > 0)
    .map(({ path }) => path)
    .filter((path) => !texts.some((text) => text.includes(`<!-- variables: ${path} -->`)));
  expect(missing).toEqual([]);
});

test("the index names every profile once, and no other", () => {
  const index = readPages().find(({ file }) => file === "README.md")!.text;
  const named = index
    .split("\n")
    .filter((line) => /^\| \[[^\]]+\]\([\w-]+\.md\) \|/.test(line))
    .flatMap((line) => [...line.matchAll(/`([a-z0-9-]+)`/g)].map(([, name]) => `${name}.yaml`));
  const files = readdirSync(new URL("../../templates/profiles/", import.meta.url));
  expect(named.toSorted()).toEqual(files.toSorted());
});
