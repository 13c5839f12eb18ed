/** Lets the first events of a kind pass and counts the others. */
export type EventSampler = {
  /**
   * Whether to report one more of `key`: if so, how many were left out since
   * the last that was reported; else `undefined`.
   */
  admit(key: string): number | undefined;
};

export type EventSamplerOptions = {
  /** Milliseconds, of any epoch. */
  readonly now: () => number;
  readonly perMinute: number;
  /** Keys remembered; the one not seen for longest is forgotten. */
  readonly maxKeys: number;
};

type Window = { startedAt: number; admitted: number; suppressed: number };

/** Creates a sampler: one box that asks for nonsense must not push the site's events out of the journal. */
export function createEventSampler({ now, perMinute, maxKeys }: EventSamplerOptions): EventSampler {
  const windows = new Map<string, Window>();
  return {
    admit(key) {
      const time = now();
      const window = windows.get(key) ?? { startedAt: time, admitted: 0, suppressed: 0 };
      // Insertion order is order of use.
      windows.delete(key);
      windows.set(key, window);
      if (windows.size > maxKeys) windows.delete(windows.keys().next().value!);

      if (time - window.startedAt >= 60_000) [window.startedAt, window.admitted] = [time, 0];
      if (window.admitted >= perMinute) {
        window.suppressed++;
        return undefined;
      }
      window.admitted++;
      const suppressed = window.suppressed;
      window.suppressed = 0;
      return suppressed;
    },
  };
}
