import { hasControl, obstacle, quotedSlotOf, refused, slotOf, TAKEN } from "../context.ts";
import type { EscapingContext, Scalar, Slot, Taken } from "../context.ts";
import { createTomlScanner } from "./toml-scanner.ts";

/**
 * TOML 1.0. A value in the place of a value becomes a basic string,
 * or a number or boolean where it is one; inside a one-line string of the
 * author's it is escaped, or refused where that string has no escapes.
 */
export const toml: EscapingContext = {
  title: "TOML",
  open() {
    const scanner = createTomlScanner();
    return {
      literal: (text) => (scanner.feed(text) ? TAKEN : SPOILING),
      slot() {
        const place = scanner.place();
        return place.kind === "obstacle" ? obstacle(place.reason) : SLOTS[place.kind];
      },
      take: (kind) => scanner.takeValue(kind),
      save: () => scanner.save(),
      restore: (state) => scanner.restore(state),
      embed() {
        const place = scanner.place();
        switch (place.kind) {
          case "value":
            return { kind: "whole" };
          case "basic":
          case "literal":
            return place.first ? { kind: "whole" } : refused("it must be the first thing in its string");
          case "obstacle":
            return refused(place.reason);
          case "comment":
            return refused("another language stands in a value only");
        }
      },
    };
  },
};

const SPOILING: Taken = { problem: "a whole TOML value is followed by the end of its place only", region: 0 };

const SLOTS: Readonly<Record<"value" | "basic" | "literal" | "comment", Slot>> = {
  value: slotOf((value) => formatTomlValue(value)),
  basic: quotedSlotOf((value) => escapeBasic(String(value))),
  literal: quotedSlotOf((value) => {
    const text = String(value);
    return text.includes("'") || hasControl(text)
      ? refused("single quotes carry no ' and no control characters: use double quotes")
      : text;
  }),
  comment: slotOf((value) => {
    const text = String(value);
    return hasControl(text) ? refused("a comment carries no control characters") : text;
  }),
};

function formatTomlValue(value: Scalar): string {
  if (typeof value === "string") return `"${escapeBasic(value)}"`;
  if (typeof value === "boolean" || Number.isSafeInteger(value)) return String(value);
  // Past 64 bits an integer is an error; as a float it has the value JavaScript gave it.
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function escapeBasic(value: string): string {
  // oxlint-disable-next-line no-control-regex
  return value.replace(/["\\\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]/g, (char) =>
    char === '"' || char === "\\" ? `\\${char}` : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
