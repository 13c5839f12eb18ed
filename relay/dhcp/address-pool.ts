import { formatIpv4, type Ipv4 } from "../../core/addresses.ts";
import type { LeaseStore } from "../leases/lease-store.ts";
import { isLive, type Lease } from "../leases/lease.ts";
import { type DhcpClient, type Holder, mayTakeOver } from "./client.ts";
import type { Offers } from "./offers.ts";
import type { Reservations } from "./reservations.ts";
import type { Subnet } from "./subnet.ts";

/** The leases as the pool reads them. */
export type LeaseReader = Pick<LeaseStore, "byAddress" | "byClient" | "byHardware" | "quarantinedUntil">;

export type AddressPoolOptions = {
  readonly subnet: Subnet;
  readonly leases: LeaseReader;
  readonly offers: Offers;
  readonly reservations: Reservations;
};

/** How far past a free address the search goes for one that nobody has had. */
const FRESH_SEARCH = 256;

/** How long a full pool is taken to be full, so that a flood of DISCOVERs does not search it each time. */
const FULL_MS = 1000;

/** Which address a client may have, and which it gets. */
export class AddressPool {
  readonly #subnet: Subnet;
  readonly #leases: LeaseReader;
  readonly #offers: Offers;
  readonly #reservations: Reservations;
  /** Where the next search begins: round and round, so that a freed address rests as long as can be. */
  #next: number;
  #fullUntil = 0;

  constructor({ subnet, leases, offers, reservations }: AddressPoolOptions) {
    this.#subnet = subnet;
    this.#leases = leases;
    this.#offers = offers;
    this.#reservations = reservations;
    this.#next = subnet.first;
  }

  /**
   * Chooses an address: the machine's reservation; the client's current one;
   * its previous one; the one it asks for; a free one (RFC 2131 section
   * 4.3.1). Another system on the same hardware gives up its address only when
   * there is none left.
   */
  choose(client: DhcpClient, requested: Ipv4 | undefined, now: number): Ipv4 | undefined {
    const own = this.ownLeases(client);
    const current = own.filter((lease) => isLive(lease, now)).map(({ address }) => address);
    const previous = own.filter((lease) => !isLive(lease, now)).map(({ address }) => address);
    const reserved = this.#reservations.machine(client.mac)?.address;
    const offered = this.#offers.byClient(client.key, now)?.address;
    return (
      this.#first([reserved], client, now, true) ??
      this.#first([...current, offered, ...previous], client, now, false) ??
      this.#first([requested], client, now, true) ??
      this.#free(client, now) ??
      this.#first(current, client, now, true)
    );
  }

  /** The leases that a client, or its hardware, has or had: by its key first. */
  ownLeases(client: DhcpClient): Lease[] {
    const byKey = this.#leases.byClient(this.#subnet.name, client.key);
    const byHardware = this.#leases.byHardware(this.#subnet.name, client.mac);
    return byKey === undefined ? byHardware : [byKey, ...byHardware.filter((lease) => lease !== byKey)];
  }

  /**
   * Whether a client may be told that it has an address.
   *
   * @param named the client asks for this very address
   */
  mayHold(client: DhcpClient, address: Ipv4, now: number, named: boolean): boolean {
    if (!this.#subnet.assignable(address)) return false;
    const reservedFor = this.#reservations.holder(address);
    if (reservedFor === undefined) {
      if (!this.#subnet.inRange(address)) return false;
    } else if (!reservedFor.macs.includes(client.mac)) return false;
    if ((this.#leases.quarantinedUntil(address) ?? 0) > now) return false;
    return this.#holders(address, now).every((holder) => mayTakeOver(client, holder, named));
  }

  /** An address came free: search again. */
  freed(): void {
    this.#fullUntil = 0;
  }

  #holders(address: Ipv4, now: number): Holder[] {
    const holders: Holder[] = [];
    const lease = this.#leases.byAddress(address);
    if (lease !== undefined && isLive(lease, now)) holders.push({ ...lease, key: lease.clientKey });
    const offer = this.#offers.byAddress(address, now);
    if (offer !== undefined) holders.push(offer);
    return holders;
  }

  #first(
    candidates: readonly (Ipv4 | undefined)[],
    client: DhcpClient,
    now: number,
    named: boolean,
  ): Ipv4 | undefined {
    return candidates.find((address) => address !== undefined && this.mayHold(client, address, now, named));
  }

  /** The next address that nobody holds, by preference one that nobody ever had. */
  #free(client: DhcpClient, now: number): Ipv4 | undefined {
    if (now < this.#fullUntil) return undefined;
    const { first, last } = this.#subnet;
    const size = last - first + 1;
    let found: number | undefined;
    let steps = size;
    for (let i = 0; i < steps; i++) {
      const value = first + ((this.#next - first + i) % size);
      const address = formatIpv4(value);
      if (!this.#isFree(client, address, now)) continue;
      if (this.#leases.byAddress(address) === undefined) return this.#take(value);
      if (found === undefined) {
        found = value;
        steps = Math.min(size, i + FRESH_SEARCH);
      }
    }
    if (found === undefined) {
      this.#fullUntil = now + FULL_MS;
      return undefined;
    }
    return this.#take(found);
  }

  #isFree(client: DhcpClient, address: Ipv4, now: number): boolean {
    // A reservation, also its own, is no part of the pool.
    if (this.#reservations.holder(address) !== undefined) return false;
    return this.#holders(address, now).length === 0 && this.mayHold(client, address, now, false);
  }

  #take(value: number): Ipv4 {
    this.#next = value === this.#subnet.last ? this.#subnet.first : value + 1;
    return formatIpv4(value);
  }
}
