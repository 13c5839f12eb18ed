import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readLibrary } from "./library.ts";

const TIERS = ["installed here", "read by its real parser", "golden only"];

/** A row of a table whose first cell names templates as `kind/name` in backquotes. */
type Row = { readonly templates: readonly string[]; readonly cells: readonly string[] };

function readRows(file: URL): Row[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .map((cells) => ({
      templates: [...cells[0]!.matchAll(/`([a-z-]+\/[a-z0-9-]+)`/g)].map(([, path]) => path!),
      cells,
    }))
    .filter(({ templates }) => templates.length > 0);
}

const INDEX = new URL("../../docs/templates/README.md", import.meta.url);
const README = new URL("../../README.md", import.meta.url);

describe.each([
  ["docs/templates/README.md", INDEX],
  ["README.md", README],
])("%s", (_, file) => {
  const rows = readRows(file);

  test("names every template of the library once, and no other", () => {
    const named = rows.flatMap(({ templates }) => templates);
    expect(named.toSorted()).toEqual(readLibrary().map(({ path }) => path));
  });

  test("gives each a tier", () => {
    for (const { templates, cells } of rows) expect(TIERS, templates.join()).toContain(cells[2]);
  });
});

test("README.md and the index give the same tiers", () => {
  const tiers = (file: URL) =>
    Object.fromEntries(
      readRows(file).flatMap(({ templates, cells }) => templates.map((each) => [each, cells[2]])),
    );
  expect(tiers(README)).toEqual(tiers(INDEX));
});

test("what a tier rests on is a test that is there", () => {
  for (const { templates, cells } of readRows(INDEX)) {
    const links = [...cells[3]!.matchAll(/\]\((.*?)\)/g)].map(([, link]) => new URL(link!, INDEX));
    expect(links, templates.join()).not.toEqual([]);
    for (const link of links) {
      expect(fileURLToPath(link)).toMatch(/\.test\.ts$/);
      expect(existsSync(link), link.pathname).toBe(true);
    }
  }
});
