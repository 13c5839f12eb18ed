import type { Clock } from "../clock.ts";

/**
 * How the control plane stands to this relay, by what was asked of it last:
 * - `unknown`: nothing was asked yet
 * - `unauthorized`: it answers, and does not know the relay's credential (any more)
 */
export type ContactState = "unknown" | "reachable" | "unreachable" | "unauthorized";

/** What all that is asked of the control plane tells of the way there. */
export type Contact = {
  /** It answered, with a status that `isAnswer` takes or with 401. */
  answered(answer: { readonly status: number; readonly tookMs: number; readonly date: string | null }): void;
  /** It did not answer, or said "not now". */
  failed(reason: string): void;
  /** `performance.now()` time of its last answer; long ago where there was none. */
  lastAt(): number;
  /** The same in milliseconds since the epoch. */
  lastTime(): number | undefined;
  readonly state: ContactState;
  /** Why it is `unreachable`. */
  readonly reason: string | undefined;
};

export type ContactOptions = {
  readonly clock: Pick<Clock, "learn" | "now">;
  /** Told how long each answer took. */
  readonly onAnswer?: (seconds: number) => void;
};

const UNAUTHORIZED = 401;

/** Creates the memory of one control plane's answers. */
export function createContact({ clock, onAnswer }: ContactOptions): Contact {
  let lastAt = Number.NEGATIVE_INFINITY;
  let lastTime: number | undefined;
  let state: ContactState = "unknown";
  let reason: string | undefined;
  return {
    answered({ status, tookMs, date }) {
      if (date !== null) clock.learn(date, tookMs);
      onAnswer?.(tookMs / 1000);
      reason = undefined;
      state = status === UNAUTHORIZED ? "unauthorized" : "reachable";
      if (status === UNAUTHORIZED) return;
      lastAt = performance.now();
      lastTime = clock.now();
    },
    failed(why) {
      state = "unreachable";
      reason = why;
    },
    lastAt: () => lastAt,
    lastTime: () => lastTime,
    get state() {
      return state;
    },
    get reason() {
      return reason;
    },
  };
}
