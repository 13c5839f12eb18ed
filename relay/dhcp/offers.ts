import type { Ipv4 } from "../../core/addresses.ts";
import type { ClientKey } from "../leases/lease.ts";
import type { Holder } from "./client.ts";

/** An address held for a client that was offered it and has not answered. */
export type Offer = Holder & {
  readonly address: Ipv4;
  /** The port of a switch (option 82) that it was offered through. */
  readonly port: string | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
};

/**
 * How long an offer holds an address. Firmware collects offers for some four
 * seconds; a longer hold would let a storm of DISCOVERs drain the pool. A
 * client that is later still gets the address if nobody else has it.
 */
export const OFFER_MS = 10_000;

/** Outstanding offers; in memory, as a client that is told nothing more asks again. */
export class Offers {
  readonly #byAddress = new Map<Ipv4, Offer>();
  readonly #byClient = new Map<ClientKey, Offer>();
  readonly #byPort = new Map<string, Set<Offer>>();

  /** Ends the client's earlier offer, and whatever other offer the address was in. */
  hold(offer: Offer): void {
    this.withdraw(offer.key);
    const displaced = this.#byAddress.get(offer.address);
    if (displaced !== undefined) this.withdraw(displaced.key);
    this.#byAddress.set(offer.address, offer);
    this.#byClient.set(offer.key, offer);
    if (offer.port === null) return;
    const ofPort = this.#byPort.get(offer.port);
    if (ofPort === undefined) this.#byPort.set(offer.port, new Set([offer]));
    else ofPort.add(offer);
  }

  withdraw(key: ClientKey): void {
    const offer = this.#byClient.get(key);
    if (offer === undefined) return;
    this.#byClient.delete(key);
    this.#byAddress.delete(offer.address);
    if (offer.port === null) return;
    const ofPort = this.#byPort.get(offer.port);
    ofPort?.delete(offer);
    if (ofPort?.size === 0) this.#byPort.delete(offer.port);
  }

  /** The addresses offered through a port just now. */
  addressesOfPort(port: string, now: number): Ipv4[] {
    const live = [...(this.#byPort.get(port) ?? [])].filter((offer) => this.#live(offer, now) !== undefined);
    return live.map(({ address }) => address);
  }

  /** Forgets what ran out: a client that never comes back shall cost no memory. */
  expire(now: number): void {
    for (const offer of this.#byClient.values()) {
      // In the order of their making, and all live equally long.
      if (offer.expiresAt > now) return;
      this.withdraw(offer.key);
    }
  }

  byAddress(address: Ipv4, now: number): Offer | undefined {
    return this.#live(this.#byAddress.get(address), now);
  }

  byClient(key: ClientKey, now: number): Offer | undefined {
    return this.#live(this.#byClient.get(key), now);
  }

  #live(offer: Offer | undefined, now: number): Offer | undefined {
    if (offer === undefined || offer.expiresAt > now) return offer;
    this.withdraw(offer.key);
    return undefined;
  }
}
