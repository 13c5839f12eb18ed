/** A number of things that may happen in a stretch of time. */
export type Budget = {
  /** Takes one; says whether there was one left. `nowMs` never goes back. */
  take(nowMs: number): boolean;
};

/** Creates a budget of `amount` for each window of `windowMs`. */
export function createBudget(amount: number, windowMs: number): Budget {
  let windowStart = -Infinity;
  let left = 0;
  return {
    take(nowMs) {
      if (nowMs - windowStart >= windowMs) {
        windowStart = nowMs;
        left = amount;
      }
      if (left === 0) return false;
      left--;
      return true;
    },
  };
}
