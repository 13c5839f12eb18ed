/** A bounded number of things that may be under way at once. */
export type Slots = {
  /** `undefined` when all are taken. */
  take(): { release(): void } | undefined;
};

/** Creates so many free slots. */
export function createSlots(count: number): Slots {
  let taken = 0;
  return {
    take() {
      if (taken >= count) return undefined;
      taken++;
      let isHeld = true;
      return {
        release() {
          if (isHeld) taken--;
          isHeld = false;
        },
      };
    },
  };
}
