/** As the field abbreviates them; Monday first, as ISO 8601 does. */
export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/**
 * A time of the week in which installs may begin, by the clock on the wall of
 * `timeZone`: a name such as `Europe/Berlin`, or an offset such as `+02:00`.
 * `from` and `to` are `HH:MM`. One that does not end later in the day than it
 * begins ends on the next day; it belongs to the day on which it begins.
 *
 * @example { days: ["sat"], from: "22:00", to: "04:00", timeZone: "Europe/Berlin" }
 */
export type InstallWindow = {
  readonly days: readonly Weekday[];
  readonly from: string;
  readonly to: string;
  readonly timeZone: string;
};

/** Whether the run time knows the time zone. */
export function isTimeZone(name: string): boolean {
  try {
    return wallClock(name) !== undefined;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/**
 * Whether an install may begin at an instant. Without windows, always. `to` is
 * outside. An hour that summer time repeats counts twice, one that it skips never.
 *
 * @param now milliseconds since the epoch
 */
export function isWithinWindows(windows: readonly InstallWindow[], now: number): boolean {
  return windows.length === 0 || windows.some((window) => isWithin(window, now));
}

function isWithin({ days, from, to, timeZone }: InstallWindow, now: number): boolean {
  const { weekday, time } = readWallClock(timeZone, now);
  const begins = (day: number): boolean => days.includes(WEEKDAYS[day]!);
  // Times of one form compare as text.
  if (from < to) return begins(weekday) && time >= from && time < to;
  return (begins(weekday) && time >= from) || (begins((weekday + 6) % 7) && time < to);
}

function wallClock(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-US", {
    timeZone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
}

function readWallClock(timeZone: string, now: number): { weekday: number; time: string } {
  const parts = Object.fromEntries(
    wallClock(timeZone)
      .formatToParts(now)
      .map(({ type, value }) => [type, value]),
  );
  const weekday = WEEKDAYS.findIndex((day) => day === parts["weekday"]!.toLowerCase());
  return { weekday, time: `${parts["hour"]}:${parts["minute"]}` };
}
