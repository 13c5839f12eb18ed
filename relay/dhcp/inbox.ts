import { MESSAGE_TYPE, OPTION } from "../../core/dhcp-packet/index.ts";
import type { Destination } from "./outcome.ts";

/** Which of the server's ports a datagram came to: 67, or the PXE boot server's 4011. */
export type Service = "dhcp" | "boot";

export type Arrival = {
  readonly bytes: Uint8Array;
  readonly service: Service;
  readonly source: Destination;
};

/** Of one turn's DISCOVERs so many are answered, the newest: the others' clients have given up, or soon ask again. */
const MAX_DISCOVERS = 64;

/** REQUESTs and the rest; each is answered in well under a millisecond. */
const MAX_OTHERS = 4096;

/** DISCOVERs looked over for those of known machines. */
const MAX_HELD_DISCOVERS = 4096;

const OPTIONS_AT = 240;

/**
 * What waits to be answered, in the order that serves most clients when there
 * is more than can be answered: who is nearly done comes first, then the
 * newest DISCOVERs, as those of clients that still listen. First come, first
 * served would answer only clients that have given up.
 */
export class Inbox {
  #discovers: Arrival[] = [];
  #others: Arrival[] = [];

  get isEmpty(): boolean {
    return this.#discovers.length === 0 && this.#others.length === 0;
  }

  /** Returns how many were dropped for it. */
  push(arrival: Arrival): number {
    const [queue, max] = isDiscover(arrival.bytes)
      ? ([this.#discovers, MAX_HELD_DISCOVERS] as const)
      : ([this.#others, MAX_OTHERS] as const);
    queue.push(arrival);
    if (queue.length <= max) return 0;
    // Half at a time, so that a flood does not move the rest with each datagram.
    queue.splice(0, max / 2);
    return max / 2;
  }

  /**
   * Takes out all of it, in the order in which to answer.
   *
   * @param isKnown whether the site knows the sender: its DISCOVER is never dropped
   */
  takeAll(isKnown: (bytes: Uint8Array) => boolean): {
    readonly arrivals: Arrival[];
    readonly dropped: number;
  } {
    const discovers = this.#discovers;
    const arrivals = this.#others;
    this.#discovers = [];
    this.#others = [];
    const old = Math.max(discovers.length - MAX_DISCOVERS, 0);
    let dropped = 0;
    for (let i = 0; i < old; i++) {
      if (isKnown(discovers[i]!.bytes)) arrivals.push(discovers[i]!);
      else dropped += 1;
    }
    const answered = discovers.slice(old);
    return { arrivals: arrivals.concat(old > 0 ? answered.reverse() : answered), dropped };
  }

  clear(): void {
    this.#discovers = [];
    this.#others = [];
  }
}

/** Clients put option 53 first; of one that does not, the DISCOVER goes with the rest. */
function isDiscover(bytes: Uint8Array): boolean {
  return bytes[OPTIONS_AT] === OPTION.MESSAGE_TYPE && bytes[OPTIONS_AT + 2] === MESSAGE_TYPE.DISCOVER;
}
