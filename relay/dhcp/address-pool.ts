import { type Ipv4, parseIpv4 } from "../../core/addresses.ts";
import type { LeaseStore } from "../leases/lease-store.ts";
import { isLive, type Lease } from "../leases/lease.ts";
import { AddressCursor } from "./address-cursor.ts";
import { type DhcpClient, type Holder, mayTakeOver } from "./client.ts";
import { KnownFree } from "./known-free.ts";
import type { Offers } from "./offers.ts";
import type { Reservations } from "./reservations.ts";
import type { Subnet } from "./subnet.ts";

/** The leases as the pool reads them. */
export type LeaseReader = Pick<
  LeaseStore,
  "byAddress" | "byClient" | "byHardware" | "countOfPort" | "quarantinedUntil"
>;

export type AddressPoolOptions = {
  readonly subnet: Subnet;
  readonly leases: LeaseReader;
  readonly offers: Offers;
  readonly reservations: Reservations;
  /** Whether a new address is to be known to be free; `KnownFree` is filled by a prober then. */
  readonly probed: boolean;
  /** Most addresses that one port of a switch may hold. */
  readonly leasesPerPort: number;
};

/** An address to offer, or why there is none. */
export type AddressChoice =
  | { readonly kind: "address"; readonly address: Ipv4 }
  | { readonly kind: "none"; readonly reason: "pool-exhausted" | "port-limit" };

/** How far past a free address the search goes for one that nobody has had. */
const FRESH_SEARCH = 256;

/** How long a full pool is taken to be full, so that a flood of DISCOVERs does not search it each time. */
const FULL_MS = 1000;

/** Of a pool, so much at most is kept for machines that the site knows: strangers cannot starve them. */
const KEPT_SHARE = 0.1;

/** How far one search for addresses to probe goes. */
const PROBE_SEARCH = 1024;

const MAX_URGENT = 64;

/** Which address a client may have, and which it gets. */
export class AddressPool {
  /** Addresses that were probed. */
  readonly knownFree = new KnownFree();
  readonly #options: AddressPoolOptions;
  readonly #subnet: Subnet;
  readonly #leases: LeaseReader;
  readonly #offers: Offers;
  readonly #reservations: Reservations;
  readonly #cursor: AddressCursor;
  readonly #lastAddress: number;
  /** Offered before they were probed. */
  readonly #urgent: Ipv4[] = [];
  /** Until when the pool is taken to be full, for strangers and for known machines. */
  #fullUntil = { stranger: 0, registered: 0 };

  constructor(options: AddressPoolOptions) {
    const { subnet, leases, offers, reservations } = options;
    this.#options = options;
    this.#subnet = subnet;
    this.#leases = leases;
    this.#offers = offers;
    this.#reservations = reservations;
    this.#cursor = new AddressCursor(subnet.segments);
    this.#lastAddress = subnet.segments.at(-1)?.last ?? 0;
  }

  /** How many addresses the ranges hold. */
  get size(): number {
    return this.#cursor.size;
  }

  /**
   * Chooses an address: the machine's reservation; the client's current one;
   * its previous one; the one it asks for; a free one (RFC 2131 section
   * 4.3.1). Another system on the same hardware gives up its address only when
   * there is none left.
   */
  choose(client: DhcpClient, requested: Ipv4 | undefined, port: string | null, now: number): AddressChoice {
    const own = this.ownLeases(client);
    const current = own.filter((lease) => isLive(lease, now)).map(({ address }) => address);
    const previous = own.filter((lease) => !isLive(lease, now)).map(({ address }) => address);
    const reserved = this.#reservations.machine(client.mac)?.address;
    const offered = this.#offers.byClient(client.key, now)?.address;
    const held =
      this.#first([reserved], client, now, true) ?? this.#first([...current, offered], client, now, false);
    if (held !== undefined) return { kind: "address", address: held };
    if (this.#isPortFull(port, now)) return { kind: "none", reason: "port-limit" };
    const begun = [...previous, requested].filter(
      (address) => address !== undefined && this.#mayBeginFree(client, address, now),
    );
    const address =
      this.#first(begun, client, now, true) ??
      this.#free(client, now) ??
      this.#first(current, client, now, true);
    return address === undefined ? { kind: "none", reason: "pool-exhausted" } : { kind: "address", address };
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

  /**
   * Whether a client that has no hold on an address may have one: what is kept
   * for known machines is not a stranger's, and a port has its limit.
   */
  mayBegin(client: DhcpClient, address: Ipv4, port: string | null, now: number): boolean {
    const offer = this.#offers.byAddress(address, now);
    const lease = this.#leases.byAddress(address);
    if (offer?.key === client.key || offer?.mac === client.mac) return true;
    if (lease !== undefined && isLive(lease, now)) return true;
    return !this.#isPortFull(port, now) && !this.#isKeptFrom(client, address);
  }

  /** An address came free: search again. */
  freed(): void {
    this.#fullUntil = { stranger: 0, registered: 0 };
  }

  /**
   * The next addresses that a prober should ask for: free, and not known to be.
   *
   * @param stock how many known ones are enough
   */
  toProbe(max: number, stock: number, now: number): Ipv4[] {
    const found = this.#urgent.splice(0, max);
    const count = Math.min(max, found.length + Math.max(stock - this.knownFree.size, 0));
    const steps = Math.min(this.#cursor.size, PROBE_SEARCH);
    for (let i = 0; i < steps && found.length < count; i++) {
      const { index, address } = this.#cursor.peek(0);
      this.#cursor.moveBehind(index);
      if (!this.knownFree.has(address, now) && this.isFree(address, now)) found.push(address);
    }
    return found;
  }

  /** Whether nobody holds an address, and it may be given out. */
  isFree(address: Ipv4, now: number): boolean {
    // A reservation, also its own machine's, is no part of the pool.
    if (this.#reservations.holder(address) !== undefined) return false;
    if (!this.#subnet.assignable(address)) return false;
    if ((this.#leases.quarantinedUntil(address) ?? 0) > now) return false;
    return this.#isUnheld(address, now);
  }

  #isUnheld(address: Ipv4, now: number): boolean {
    const lease = this.#leases.byAddress(address);
    if (lease !== undefined && isLive(lease, now)) return false;
    return this.#offers.byAddress(address, now) === undefined;
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

  /** Whether an address that nobody holds may go to a client; its own hardware's it may take over. */
  #mayBeginFree(client: DhcpClient, address: Ipv4, now: number): boolean {
    if (this.#isKeptFrom(client, address)) return false;
    if (!this.#options.probed || this.knownFree.has(address, now)) return true;
    // Not probed: fine for what is the client's own by hardware, or was.
    return this.#leases.byAddress(address)?.mac === client.mac;
  }

  #isPortFull(port: string | null, now: number): boolean {
    if (port === null) return false;
    const offered = this.#offers.addressesOfPort(port, now);
    const unbound = offered.filter((address) => {
      const lease = this.#leases.byAddress(address);
      return lease === undefined || !isLive(lease, now);
    });
    return this.#leases.countOfPort(port, now) + unbound.length >= this.#options.leasesPerPort;
  }

  /** The end of the last range is kept for machines that the site knows and that have no reservation. */
  #isKeptFrom(client: DhcpClient, address: Ipv4): boolean {
    const { withoutAddress } = this.#reservations;
    if (withoutAddress === 0) return false;
    const kept = Math.min(withoutAddress, Math.floor(this.#cursor.size * KEPT_SHARE));
    if (parseIpv4(address)! <= this.#lastAddress - kept) return false;
    return !this.#reservations.isRegistered(client.mac, client.boot.uuid);
  }

  /** An address that nobody holds, by preference one that nobody ever had. */
  #free(client: DhcpClient, now: number): Ipv4 | undefined {
    const who = this.#reservations.isRegistered(client.mac, client.boot.uuid) ? "registered" : "stranger";
    if (now < this.#fullUntil[who]) return undefined;
    const known = this.knownFree.take(
      (address) => this.isFree(address, now) && this.knownFree.has(address, now),
      (address) => !this.#isKeptFrom(client, address),
      (address) => this.#leases.byAddress(address) === undefined,
    );
    if (known !== undefined) return known;
    const found = this.#search(client, now);
    if (found === undefined) this.#fullUntil[who] = now + FULL_MS;
    // More is asked for than can be probed ahead: this one is probed while its client makes up its mind.
    else if (this.#options.probed && this.#urgent.length < MAX_URGENT) this.#urgent.push(found);
    return found;
  }

  #search(client: DhcpClient, now: number): Ipv4 | undefined {
    let found: { readonly index: number; readonly address: Ipv4 } | undefined;
    let steps = this.#cursor.size;
    for (let i = 0; i < steps; i++) {
      const place = this.#cursor.peek(i);
      if (!this.isFree(place.address, now) || this.#isKeptFrom(client, place.address)) continue;
      if (this.#leases.byAddress(place.address) === undefined) {
        found = place;
        break;
      }
      if (found === undefined) {
        found = place;
        steps = Math.min(steps, i + FRESH_SEARCH);
      }
    }
    if (found === undefined) return undefined;
    this.#cursor.moveBehind(found.index);
    return found.address;
  }
}
