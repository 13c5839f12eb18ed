/** Follows backslash escapes in a quoted string of JSON, TOML or YAML, all of which count hexadecimal digits. */
export type EscapeTracker = {
  /** Whether an escape has begun and not ended, so that the next character belongs to it. */
  readonly pending: boolean;
  feed(char: string): void;
  save(): EscapeState;
  restore(state: EscapeState): void;
};

export type EscapeState = readonly [afterBackslash: boolean, digits: number];

const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

export function createEscapeTracker(): EscapeTracker {
  let afterBackslash = false;
  let digits = 0;
  return {
    get pending() {
      return afterBackslash || digits > 0;
    },
    feed(char) {
      if (digits > 0) digits -= 1;
      else if (afterBackslash) {
        afterBackslash = false;
        digits = HEX_DIGITS[char] ?? 0;
      } else if (char === "\\") afterBackslash = true;
    },
    save: () => [afterBackslash, digits],
    restore: (state) => void ([afterBackslash, digits] = state),
  };
}
