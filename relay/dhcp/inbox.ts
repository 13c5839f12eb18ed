import { MESSAGE_TYPE, OPTION } from "../../core/dhcp-packet/index.ts";
import type { Destination } from "./outcome.ts";

/** Which of the server's ports a datagram came to: 67, or the PXE boot server's 4011. */
export type Service = "dhcp" | "boot";

export type Arrival = {
  readonly bytes: Uint8Array;
  readonly service: Service;
  readonly source: Destination;
  /** When it was read, in milliseconds since the epoch. */
  readonly at: number;
  /** Whether the site knows the sender. */
  readonly known: boolean;
};

/** Most of each kind that wait; beyond, the oldest go. */
const MAX_WAITING = 4096;

/** With more DISCOVERs than this waiting there is more than can be answered, and the newest come first. */
const BACKLOG = 64;

/** A DISCOVER that has waited so long is asked again by its client, if it is still there. */
const MAX_WAIT_MS = 500;

/** Most of one turn: the socket must be read again before it overflows. */
const MAX_DISCOVERS_A_TURN = 64;
const MAX_OTHERS_A_TURN = 64;

const OPTIONS_AT = 240;

/**
 * What waits to be answered, in the order that serves most clients when there
 * is more than can be answered: the site's own machines, then who is nearly
 * done, then the newest DISCOVERs, as those of clients that still listen. First
 * come, first served would answer only clients that have given up.
 */
export class Inbox {
  #known: Arrival[] = [];
  #discovers: Arrival[] = [];
  #others: Arrival[] = [];

  get isEmpty(): boolean {
    return this.#known.length === 0 && this.#discovers.length === 0 && this.#others.length === 0;
  }

  /** Keeps a copy, as the bytes are the socket's; returns how many others were dropped for it. */
  push({ bytes, service, source, at, known }: Arrival): number {
    const arrival = { bytes: Buffer.from(bytes), service, source, at, known };
    return add(known ? this.#known : isDiscover(bytes) ? this.#discovers : this.#others, arrival);
  }

  /** Takes out one turn's worth, in the order in which to answer. */
  take(now: number): { readonly arrivals: readonly Arrival[]; readonly dropped: number } {
    const known = this.#known.splice(0, MAX_OTHERS_A_TURN);
    const first = known.concat(this.#others.splice(0, MAX_OTHERS_A_TURN - known.length));
    const waiting = this.#discovers;
    if (waiting.length <= BACKLOG) {
      this.#discovers = [];
      return { arrivals: first.concat(waiting), dropped: 0 };
    }
    const newest = waiting.splice(-MAX_DISCOVERS_A_TURN).reverse();
    const stale = waiting.findIndex(({ at }) => at + MAX_WAIT_MS > now);
    const dropped = stale < 0 ? waiting.length : stale;
    waiting.splice(0, dropped);
    return { arrivals: first.concat(newest), dropped };
  }

  clear(): void {
    this.#known = [];
    this.#discovers = [];
    this.#others = [];
  }
}

/** Half is dropped at a time, so that a flood does not move the rest with each datagram. */
function add(queue: Arrival[], arrival: Arrival): number {
  queue.push(arrival);
  return queue.length <= MAX_WAITING ? 0 : queue.splice(0, MAX_WAITING / 2).length;
}

/** Clients put option 53 first; of one that does not, the DISCOVER goes with the rest. */
function isDiscover(bytes: Uint8Array): boolean {
  return bytes[OPTIONS_AT] === OPTION.MESSAGE_TYPE && bytes[OPTIONS_AT + 2] === MESSAGE_TYPE.DISCOVER;
}
