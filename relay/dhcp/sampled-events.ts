import type { Mac } from "../../core/addresses.ts";
import type { EventDetail, EventSink } from "../../core/relay-protocol/events.ts";

/** At most one event in this time for a machine and a reason; the next tells how many there were. */
const INTERVAL_MS = 60_000;

/** Machines and reasons told apart; beyond, all machines share one event a reason. */
const MAX_KEYS = 1024;

type Sample = { readonly since: number; count: number };

/** Events that anybody on the wire can cause at will: told seldom, and counted. */
export class SampledEvents {
  readonly #onEvent: EventSink;
  readonly #samples = new Map<string, Sample>();

  constructor(onEvent: EventSink) {
    this.#onEvent = onEvent;
  }

  /** Returns whether this one was told. */
  report(
    name: "ignored" | "pool-exhausted",
    reason: string,
    mac: Mac | null,
    now: number,
    more: EventDetail = {},
  ): boolean {
    const key = this.#key(reason, mac, now);
    const earlier = this.#samples.get(key);
    if (earlier !== undefined && earlier.since + INTERVAL_MS > now) {
      earlier.count += 1;
      return false;
    }
    // Put last again, so that the keys lie in the order of their time.
    this.#samples.delete(key);
    this.#samples.set(key, { since: now, count: 0 });
    this.#onEvent({
      mac,
      stage: "dhcp",
      name,
      detail: { reason, count: (earlier?.count ?? 0) + 1, ...more },
    });
    return true;
  }

  #key(reason: string, mac: Mac | null, now: number): string {
    const key = `${reason} ${mac ?? ""}`;
    if (this.#samples.has(key) || this.#samples.size < MAX_KEYS) return key;
    const [oldest, sample] = this.#samples.entries().next().value!;
    if (sample.since + INTERVAL_MS > now) return reason;
    this.#samples.delete(oldest);
    return key;
  }
}
