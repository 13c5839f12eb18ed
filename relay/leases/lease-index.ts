import type { Ipv4, Mac } from "../../core/addresses.ts";
import type { ClientKey, Lease, LeaseChange, Quarantine } from "./lease.ts";

/** Leases and quarantines in memory, found by address, client and hardware. */
export class LeaseIndex {
  readonly #leases = new Map<Ipv4, Lease>();
  readonly #byClient = new Map<string, Ipv4>();
  readonly #byHardware = new Map<string, Set<Ipv4>>();
  readonly #byPort = new Map<string, Set<Ipv4>>();
  readonly #quarantines = new Map<Ipv4, Quarantine>();

  byAddress(address: Ipv4): Lease | undefined {
    return this.#leases.get(address);
  }

  byClient(subnet: string, clientKey: ClientKey): Lease | undefined {
    const address = this.#byClient.get(indexKey(subnet, clientKey));
    return address === undefined ? undefined : this.#leases.get(address);
  }

  /** The leases of one piece of hardware, live or not, the one that ends last first. */
  byHardware(subnet: string, mac: Mac): Lease[] {
    const addresses = this.#byHardware.get(indexKey(subnet, mac));
    if (addresses === undefined) return [];
    return Array.from(addresses, (address) => this.#leases.get(address)!).sort(
      (a, b) => b.expiresAt - a.expiresAt,
    );
  }

  /** The addresses whose leases, live or not, came through a port. */
  addressesOfPort(port: string): ReadonlySet<Ipv4> {
    return this.#byPort.get(port) ?? NONE;
  }

  quarantinedUntil(address: Ipv4): number | undefined {
    return this.#quarantines.get(address)?.until;
  }

  apply(change: LeaseChange): void {
    switch (change.kind) {
      case "bind": {
        const { lease } = change;
        const earlier = this.byClient(lease.subnet, lease.clientKey);
        if (earlier !== undefined) this.#remove(earlier.address);
        this.#remove(lease.address);
        this.#quarantines.delete(lease.address);
        this.add(lease);
        return;
      }
      case "release": {
        const lease = this.#leases.get(change.address);
        if (lease === undefined) return;
        this.#leases.set(change.address, { ...lease, state: "released", expiresAt: change.at });
        return;
      }
      case "quarantine":
        this.#remove(change.quarantine.address);
        this.quarantine(change.quarantine);
        return;
    }
  }

  add(lease: Lease): void {
    this.#leases.set(lease.address, lease);
    this.#byClient.set(indexKey(lease.subnet, lease.clientKey), lease.address);
    insert(this.#byHardware, indexKey(lease.subnet, lease.mac), lease.address);
    if (lease.port !== null) insert(this.#byPort, lease.port, lease.address);
  }

  quarantine(quarantine: Quarantine): void {
    this.#quarantines.set(quarantine.address, quarantine);
  }

  clear(): void {
    this.#leases.clear();
    this.#byClient.clear();
    this.#byHardware.clear();
    this.#byPort.clear();
    this.#quarantines.clear();
  }

  #remove(address: Ipv4): void {
    const lease = this.#leases.get(address);
    if (lease === undefined) return;
    this.#leases.delete(address);
    this.#byClient.delete(indexKey(lease.subnet, lease.clientKey));
    remove(this.#byHardware, indexKey(lease.subnet, lease.mac), address);
    if (lease.port !== null) remove(this.#byPort, lease.port, address);
  }
}

const NONE: ReadonlySet<Ipv4> = new Set();

function insert(index: Map<string, Set<Ipv4>>, key: string, address: Ipv4): void {
  const addresses = index.get(key);
  if (addresses === undefined) index.set(key, new Set([address]));
  else addresses.add(address);
}

function remove(index: Map<string, Set<Ipv4>>, key: string, address: Ipv4): void {
  const addresses = index.get(key);
  addresses?.delete(address);
  if (addresses?.size === 0) index.delete(key);
}

function indexKey(subnet: string, name: string): string {
  return `${subnet} ${name}`;
}
