/** A large site that powers on at once, each machine as ROM, iPXE and installer. */
const BURST = 10_000;
const PER_SECOND = 100;

/**
 * How many events may be told of machines that the site does not know: anybody
 * on the wire can make up as many of them as he likes, and the journal holds
 * only so many events, which others need.
 */
export class EventBudget {
  #left = BURST;
  #at = -Infinity;

  /**
   * Whether one more may be told.
   *
   * @param now milliseconds since the epoch
   */
  take(now: number): boolean {
    this.#left = Math.min(this.#left + (Math.max(now - this.#at, 0) * PER_SECOND) / 1000, BURST);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
