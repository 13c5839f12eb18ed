import type { PatientOutcome, Trouble } from "./ask-patiently.ts";

/** A question that is on its way to the control plane, or its answer that nobody waited for. */
export type Flight = {
  readonly landed: Promise<PatientOutcome>;
  /** What has kept it from landing so far. */
  readonly trouble: () => Trouble | undefined;
  /** Ends the wait of one who joined; an answer that comes later is kept for the next who asks. */
  leave(): void;
};

/**
 * Questions under way, one a key: a machine that asks again joins what is under
 * way, and one whose answer came too late finds it when it asks again. So a
 * slow WAN gets a machine its script in the end, and each script that the
 * control plane counts as served is given at most once.
 */
export type Flights = {
  /** `undefined` when there are too many. */
  join(key: string, begin: Begin): Flight | undefined;
};

/** Sends a question on its way; must not throw. */
type Begin = (onTrouble: (trouble: Trouble) => void) => Promise<PatientOutcome>;

export type FlightsOptions = {
  readonly maxFlights: number;
  /** How long an answer that came too late is kept: about as long as machines pause. */
  readonly keepMs: number;
};

type Entry = {
  readonly landed: Promise<PatientOutcome>;
  trouble?: Trouble;
  waiting: number;
  isKept: boolean;
};

/** Creates an empty set of flights. */
export function createFlights({ maxFlights, keepMs }: FlightsOptions): Flights {
  const entries = new Map<string, Entry>();

  function forget(key: string, entry: Entry): void {
    if (entries.get(key) === entry) entries.delete(key);
  }

  function begin(key: string, ask: Begin): Entry {
    const landed = ask((trouble) => {
      entry.trouble = trouble;
    });
    const entry: Entry = { landed, waiting: 0, isKept: false };
    entries.set(key, entry);
    void entry.landed.then((outcome) => {
      if (outcome.kind !== "answered" || entry.waiting > 0) return forget(key, entry);
      entry.isKept = true;
      setTimeout(() => forget(key, entry), keepMs).unref();
    });
    return entry;
  }

  return {
    join(key, ask) {
      let entry = entries.get(key);
      if (entry === undefined) {
        if (entries.size >= maxFlights) return undefined;
        entry = begin(key, ask);
      }
      // An answer that was kept is given once.
      if (entry.isKept) forget(key, entry);
      const joined = entry;
      joined.waiting++;
      let isHere = true;
      return {
        landed: joined.landed,
        trouble: () => joined.trouble,
        leave() {
          if (isHere) joined.waiting--;
          isHere = false;
        },
      };
    },
  };
}
