import { describe, expect, test } from "vitest";
import { closestName } from "../../core/spelling.ts";

const KNOWN = ["name", "macs", "profile", "protected", "policy"];

describe("the known name that was meant", () => {
  for (const [written, meant] of [
    ["nmae", "name"],
    ["mac", "macs"],
    ["profil", "profile"],
    ["Protected", "protected"],
    ["polizy", "policy"],
    ["rack", undefined],
    ["m", undefined],
    ["", undefined],
  ] as const) {
    test(`${JSON.stringify(written)}: ${meant ?? "none"}`, () => {
      expect(closestName(written, KNOWN)).toBe(meant);
    });
  }
});
