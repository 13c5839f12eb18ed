import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { findConnection } from "../../cli/connection.ts";

const directory = mkdtempSync(join(tmpdir(), "pxedge-connection-"));
afterAll(() => rmSync(directory, { recursive: true }));

function configured(text: string): NodeJS.ProcessEnv {
  const file = join(directory, "config.yaml");
  writeFileSync(file, text);
  return { PXEDGE_CONFIG: file };
}

test("flags come before the environment, and that before the file", () => {
  const file = configured("url: https://file.example\ntoken: of-file\nsite: fra1\n");
  expect(findConnection({}, file)).toEqual({ url: "https://file.example", token: "of-file", site: "fra1" });
  const env = { ...file, PXEDGE_URL: "https://env.example/", PXEDGE_TOKEN: "of-env" };
  expect(findConnection({}, env)).toEqual({ url: "https://env.example", token: "of-env", site: "fra1" });
  expect(findConnection({ token: "of-flag", site: "ams1" }, env)).toMatchObject({
    url: "https://env.example",
    token: "of-flag",
    site: "ams1",
  });
});

test.each([
  ["nothing at all", {}, /address is missing: give --url, or set PXEDGE_URL/],
  ["no token", { PXEDGE_URL: "https://x.example" }, /token .* is missing: give --token/],
  ["no address", { PXEDGE_URL: "x.example", PXEDGE_TOKEN: "t" }, /"x.example" is no address/],
  ["an address with a path", { PXEDGE_URL: "https://x.example/api", PXEDGE_TOKEN: "t" }, /is no address/],
  ["a token with a newline", { PXEDGE_URL: "https://x.example", PXEDGE_TOKEN: "t\n" }, /odd characters/],
])("%s is told, with what to do", (_, env, message) => {
  expect(() => findConnection({}, { HOME: directory, ...env })).toThrow(message);
});

test.each([
  ["uri: https://x.example\n", /"uri" is not known; there are url, token, site/],
  ["url: [a]\n", /url must be text/],
  ["url: 'x\n", /config.yaml: /],
  ["- a\n", /url, token and site are expected/],
])("a config file that reads %j is refused", (text, message) => {
  expect(() => findConnection({}, configured(text))).toThrow(message);
});

test("a config file that is named must exist; the usual one need not", () => {
  expect(() => findConnection({}, { PXEDGE_CONFIG: join(directory, "none") })).toThrow(/cannot be read/);
  const env = { HOME: directory, PXEDGE_URL: "http://127.0.0.1:1", PXEDGE_TOKEN: "t" };
  expect(findConnection({}, env).url).toBe("http://127.0.0.1:1");
});
