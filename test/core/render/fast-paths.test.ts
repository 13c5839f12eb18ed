import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { CONTEXTS, type ContextName } from "../../../core/render/contexts.ts";
import { awkwardText } from "./awkward.ts";

/**
 * Encoders let most values through by one look at all of their characters.
 * What they then do not look at is said here once more, for every character at
 * every end of a value, pairs of ASCII's, and awkward texts.
 */
const CHARACTERS = [
  ...Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code)),
  ...Array.from({ length: 0x70 }, (_, offset) => String.fromCharCode(0x2000 + offset)),
  ...["\u3000", "\ud7ff", "\ue000", "\ufeff", "\ufffd", "\ufffe", "\uffff", "😀", "\u{10ffff}"],
];
const ASCII = CHARACTERS.slice(0, 0x80);
const VALUES = [
  "",
  ...CHARACTERS.flatMap((char) => [char, `${char}ab`, `a${char}b`, `ab${char}`, `${char}${char}`]),
  ...ASCII.flatMap((first) => ASCII.map((second) => first + second)),
  ...fc.sample(awkwardText, { numRuns: 2000, seed: 11 }),
];

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** What becomes of a value behind some text. */
function encoderAfter(context: ContextName, before: string): (value: string) => string | null {
  const encoder = CONTEXTS[context].open();
  encoder.literal(before);
  const slot = encoder.slot();
  return (value) => {
    const text = slot.encode(value);
    return typeof text === "string" ? text : null;
  };
}

test.each(["", "a=", "a$", "a${", "|", "&&"])(
  "kernel arguments behind %j: what iPXE takes as a part of one word, without quotes, backslashes and byte 0xA0",
  (before) => {
    const encode = encoderAfter("kernel-args", before);
    const throughIpxe = encoderAfter("ipxe", before);
    const differing = VALUES.filter((value) => {
      const isRefused =
        throughIpxe(value) === null || /["'\\]/.test(value) || Buffer.from(value).includes(0xa0);
      return encode(value) !== (isRefused ? null : value);
    });
    expect(differing).toEqual([]);
  },
);

test.each([
  ["d-i a/b string ", true],
  ["d-i a/b string x", true],
  ["d-i a/b string \\", true],
  ["# ", false],
  ["# \\", false],
])("a preseed line behind %j", (before, isRead) => {
  const encode = encoderAfter("preseed", before);
  const differing = VALUES.filter((value) => {
    const isLineEnd = isRead && (before.slice(-1) + value).includes("\\n");
    const isRefused = CONTROL.test(value) || value.endsWith("\\") || value !== value.trim() || isLineEnd;
    return encode(value) !== (isRefused ? null : value);
  });
  expect(differing).toEqual([]);
});

test("YAML's double quotes: every value is carried, and read back", () => {
  const encode = encoderAfter("cloud-config", "");
  const inQuotes = encoderAfter("cloud-config", '- "');
  expect(parseYaml(VALUES.map((value) => `- ${encode(value)}\n`).join(""))).toEqual(VALUES);
  expect(parseYaml(VALUES.map((value) => `- "${inQuotes(value)}"\n`).join(""))).toEqual(VALUES);
});
