/** Time as a relay goes by it. */
export type Clock = {
  /**
   * Milliseconds since the epoch: this host's clock, or what the control
   * plane's says where the two are far apart. It jumps when either is set. For
   * what ends at a certain time, such as a signature.
   */
  now(): number;
  /**
   * Milliseconds that go on evenly whatever clock is set, near `now` when first
   * asked for: whole ones. For what lasts for a time, such as a lease.
   */
  steady(): number;
  /** How far this host's clock is ahead (negative: behind), while that is too much to go by it; else 0. */
  readonly errorMs: number;
  /** Takes note of the `Date` of an answer that took so long to come; what is no date is ignored. */
  learn(date: string, tookMs: number): void;
};

export type ClockOptions = {
  /** This host's clock, in milliseconds since the epoch. */
  readonly host: () => number;
  /** Milliseconds of any epoch; never back. */
  readonly monotonic: () => number;
};

/** Signatures are good for a minute beside the clock. */
const CLOCK_TOLERANCE_MS = 30_000;

/** A `Date` has whole seconds: half of one is lost in the mean. */
const HALF_A_SECOND_MS = 500;

/** An answer that took longer says too little of the time. */
const LONGEST_EXCHANGE_MS = 10_000;

/** Creates the clock of a relay. */
export function createClock({ host, monotonic }: ClockOptions): Clock {
  /** Of `steady`: taken at its first use, when the control plane was heard where it can be. */
  let startedAt: number | undefined;
  /** What is to be added to `monotonic` to have the control plane's time. */
  let theirs: number | undefined;

  function errorMs(): number {
    if (theirs === undefined) return 0;
    const error = host() - (theirs + monotonic());
    return Math.abs(error) > CLOCK_TOLERANCE_MS ? error : 0;
  }

  function now(): number {
    return host() - errorMs();
  }

  return {
    now,
    steady() {
      startedAt ??= Math.round(now() - monotonic());
      return startedAt + Math.round(monotonic());
    },
    get errorMs() {
      return errorMs();
    },
    learn(date, tookMs) {
      const at = Date.parse(date);
      if (Number.isNaN(at) || tookMs > LONGEST_EXCHANGE_MS) return;
      theirs = at + HALF_A_SECOND_MS + tookMs / 2 - monotonic();
    },
  };
}
