import type { Ipv4 } from "../../core/addresses.ts";
import { createSlots, type SlotLimits, type Slots } from "./slots.ts";

/** What a machine waits for before it can do anything, or bytes that it can go on fetching later. */
export type Priority = "boot" | "image";

export type GateLimits = Readonly<Record<Priority, SlotLimits>>;

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
  readonly #slots: Readonly<Record<Priority, Slots>>;

  constructor({ boot, image }: GateLimits = DEFAULT_LIMITS) {
    this.#slots = { boot: createSlots(boot), image: createSlots(image) };
  }

  /** Requests under way. */
  get inside(): Readonly<Record<Priority, number>> {
    return { boot: this.#slots.boot.taken, image: this.#slots.image.taken };
  }

  /** Lets a request in if there is room; what is returned lets it out again, once. */
  enter(priority: Priority, client: Ipv4): (() => void) | undefined {
    return this.#slots[priority].take(client);
  }
}
