import type { Ipv4 } from "../../core/addresses.ts";

/** How long a probe's word is taken. */
const FRESH_MS = 5 * 60_000;

/** How many are looked over for one that nobody ever had. */
const PREFERENCE_SEARCH = 64;

/** Addresses that nobody answered for when they were probed, the earliest first: stock for offers to come. */
export class KnownFree {
  readonly #probedAt = new Map<Ipv4, number>();

  get size(): number {
    return this.#probedAt.size;
  }

  add(address: Ipv4, now: number): void {
    this.#probedAt.delete(address);
    this.#probedAt.set(address, now);
  }

  has(address: Ipv4, now: number): boolean {
    return (this.#probedAt.get(address) ?? -Infinity) + FRESH_MS > now;
  }

  delete(address: Ipv4): void {
    this.#probedAt.delete(address);
  }

  /**
   * Takes an address out.
   *
   * @param usable whether it is still free; it is gone if not
   * @param allowed whether this client may have it
   * @param preferred whether there is nothing better
   */
  take(
    usable: (address: Ipv4) => boolean,
    allowed: (address: Ipv4) => boolean,
    preferred: (address: Ipv4) => boolean,
  ): Ipv4 | undefined {
    let found: Ipv4 | undefined;
    let searched = 0;
    for (const address of this.#probedAt.keys()) {
      if (!usable(address)) {
        this.#probedAt.delete(address);
        continue;
      }
      if (allowed(address)) {
        if (preferred(address)) {
          found = address;
          break;
        }
        found ??= address;
      }
      searched += 1;
      if (found !== undefined && searched >= PREFERENCE_SEARCH) break;
    }
    if (found !== undefined) this.#probedAt.delete(found);
    return found;
  }

  /** Drops what was probed too long ago. */
  expire(now: number): void {
    for (const [address, at] of this.#probedAt) {
      if (at + FRESH_MS > now) return;
      this.#probedAt.delete(address);
    }
  }
}
