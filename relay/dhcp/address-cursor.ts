import { formatIpv4, type Ipv4 } from "../../core/addresses.ts";
import type { Segment } from "./subnet.ts";

/** Goes round and round the addresses of a network, so that a freed one rests as long as can be. */
export class AddressCursor {
  readonly size: number;
  readonly #segments: readonly Segment[];
  #next = 0;

  constructor(segments: readonly Segment[]) {
    this.#segments = segments;
    this.size = segments.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  /** The address `steps` from here, and from then on the place after it: `moveTo`. */
  peek(steps: number): { readonly index: number; readonly address: Ipv4 } {
    const index = (this.#next + steps) % this.size;
    return { index, address: this.#at(index) };
  }

  /** Goes on behind an address. */
  moveBehind(index: number): void {
    this.#next = (index + 1) % this.size;
  }

  #at(index: number): Ipv4 {
    let left = index;
    for (const { first, last } of this.#segments) {
      const size = last - first + 1;
      if (left < size) return formatIpv4(first + left);
      left -= size;
    }
    throw new RangeError(`there is no address ${index}`);
  }
}
