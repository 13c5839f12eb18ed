import { expect, test } from "vitest";
import { collectPairs, collectVariables } from "../../cli/operator/arguments.ts";

test.each([
  ["a=text", "text"],
  ["a=3", 3],
  ['a="3"', "3"],
  ["a=true", true],
  ["a=[x, y]", ["x", "y"]],
  ["a=", ""],
  ["a=b=c", "b=c"],
  ["a={x: 1}", "{x: 1}"],
  ["a=[1, 2]", "[1, 2]"],
  ["a='unclosed", "'unclosed"],
  ["a=ssh-ed25519 AAAA #1 me", "ssh-ed25519 AAAA #1 me"],
  ["a=key: value", "key: value"],
])("--set %s", (text, value) => {
  expect(collectVariables(text, { before: 1 })).toEqual({ before: 1, a: value });
});

test("what is no name=value is refused", () => {
  expect(() => collectPairs("name", {})).toThrow(/name=value/);
  expect(() => collectPairs("=value", {})).toThrow(/name=value/);
});
