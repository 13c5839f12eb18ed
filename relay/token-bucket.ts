/**
 * A rate in bytes a second, as a bucket that fills at it. A piece may be taken
 * whenever the bucket is not empty, however large the piece is: what is taken
 * beyond is owed, and must be filled up first.
 */
export class TokenBucket {
  readonly #bytesPerSecond: number;
  readonly #capacity: number;
  #bytes: number;
  #filledAt: number;

  /** @param now milliseconds, of any epoch */
  constructor(bytesPerSecond: number, now: number) {
    this.#bytesPerSecond = bytesPerSecond;
    // A tenth of a second's worth: who was quiet may not flood the wire for longer.
    this.#capacity = bytesPerSecond / 10;
    this.#bytes = this.#capacity;
    this.#filledAt = now;
  }

  /** How long until something may be taken, in milliseconds; 0: now. */
  waitMs(now: number): number {
    this.#fill(now);
    return this.#bytes > 0 ? 0 : Math.ceil((-this.#bytes / this.#bytesPerSecond) * 1000) + 1;
  }

  /** Whether it was left alone for so long that a new one would be the same. */
  isFull(now: number): boolean {
    this.#fill(now);
    return this.#bytes >= this.#capacity;
  }

  take(bytes: number): void {
    this.#bytes -= bytes;
  }

  #fill(now: number): void {
    const gained = ((now - this.#filledAt) / 1000) * this.#bytesPerSecond;
    this.#bytes = Math.min(this.#capacity, this.#bytes + Math.max(0, gained));
    this.#filledAt = now;
  }
}
