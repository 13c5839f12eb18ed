import { EMPTY, obstacle, quotedSlotOf, refused, slotOf, TAKEN } from "../context.ts";
import type { EscapingContext, Taken } from "../context.ts";
import { createEscapeTracker } from "./escape-tracker.ts";

/**
 * JSON (RFC 8259), as Ignition configurations are. A value in the place of a
 * JSON value becomes one, with its quotes, and numbers and booleans keep
 * their type; inside a string of the author's it is escaped without quotes.
 * It cannot be in a member's name: of two equal names parsers keep one.
 */
export const json: EscapingContext = {
  title: "JSON",
  open() {
    const escape = createEscapeTracker();
    let insideString = false;
    /** Whether the string being written is empty so far. */
    let emptyString = true;
    /** The last character outside strings that is no white space. */
    let last = "";
    let afterValue = false;
    /** Whether the last string holds a value, or a part of one. */
    let stringHoldsValue = false;

    const step = (char: string): boolean => {
      if (insideString) {
        if (char === '"' && !escape.pending) insideString = false;
        escape.feed(char);
        emptyString = false;
        return true;
      }
      if (/\s/.test(char)) return true;
      const fits = afterValue ? ",]}".includes(char) : !(stringHoldsValue && char === ":");
      afterValue = false;
      stringHoldsValue = false;
      last = char;
      if (char === '"') {
        insideString = true;
        emptyString = true;
      }
      return fits;
    };
    const takesValue = (): boolean => !afterValue && (last === "" || "[:,".includes(last));

    return {
      literal(text) {
        let fits = true;
        for (const char of text) fits = step(char) && fits;
        return fits ? TAKEN : SPOILING;
      },
      slot() {
        if (insideString) return escape.pending ? obstacle("a backslash stands before it") : STRING;
        return takesValue() ? VALUE : obstacle("a JSON value cannot stand here");
      },
      take(kind) {
        if (insideString) {
          if (kind !== EMPTY) emptyString = false;
          stringHoldsValue = true;
        } else afterValue = true;
      },
      save: () => [escape.save(), insideString, emptyString, last, afterValue, stringHoldsValue],
      restore: (state) => {
        escape.restore(state[0]);
        [, insideString, emptyString, last, afterValue, stringHoldsValue] = state;
      },
      embed() {
        if (insideString && !emptyString) return refused("it must be the first thing in its string");
        if (!insideString && !takesValue()) return refused("a JSON value cannot stand here");
        return { kind: "whole" };
      },
    };
  },
};

const SPOILING: Taken = {
  problem: "a value cannot name a member, nor be followed by more of itself",
  region: 0,
};

const STRING = quotedSlotOf((value) => JSON.stringify(String(value)).slice(1, -1));

// JSON.stringify follows the ECMAScript rule for numbers, which is within JSON's.
const VALUE = slotOf((value) => JSON.stringify(value));
