import type { Ipv4 } from "../../core/addresses.ts";

/** What a machine waits for before it can do anything, or bytes that it can go on fetching later. */
export type Priority = "boot" | "image";

export type GateLimits = Readonly<Record<Priority, { readonly total: number; readonly perClient: number }>>;

/**
 * Requests under way at a time. Each priority has its own, so that however many
 * images are fetched, scripts and answers are still taken; and no address has
 * more than half, behind which there may still be a whole rack.
 */
const DEFAULT_LIMITS: GateLimits = {
  boot: { total: 2048, perClient: 1024 },
  image: { total: 1024, perClient: 512 },
};

/** Takes so many requests at a time, of all and of each client. */
export class Gate {
  readonly #limits: GateLimits;
  readonly #inside = { boot: new Map<Ipv4, number>(), image: new Map<Ipv4, number>() };
  readonly #total = { boot: 0, image: 0 };

  constructor(limits: GateLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  /** Requests under way. */
  get inside(): Readonly<Record<Priority, number>> {
    return this.#total;
  }

  /** Lets a request in if there is room; what is returned lets it out again, once. */
  enter(priority: Priority, client: Ipv4): (() => void) | undefined {
    const { total, perClient } = this.#limits[priority];
    const inside = this.#inside[priority];
    const own = inside.get(client) ?? 0;
    if (this.#total[priority] >= total || own >= perClient) return undefined;
    this.#total[priority] += 1;
    inside.set(client, own + 1);
    return () => {
      this.#total[priority] -= 1;
      const left = inside.get(client)! - 1;
      if (left === 0) inside.delete(client);
      else inside.set(client, left);
    };
  }
}
