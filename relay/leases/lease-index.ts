import type { Ipv4, Mac } from "../../core/addresses.ts";
import type { ClientKey, Lease, LeaseChange, Quarantine } from "./lease.ts";

/** Leases and quarantines in memory, found by address, client and hardware. */
export class LeaseIndex {
  readonly #leases = new Map<Ipv4, Lease>();
  readonly #byClient = new Map<string, Ipv4>();
  readonly #byHardware = new Map<string, Set<Ipv4>>();
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
    const hardware = indexKey(lease.subnet, lease.mac);
    const addresses = this.#byHardware.get(hardware);
    if (addresses === undefined) this.#byHardware.set(hardware, new Set([lease.address]));
    else addresses.add(lease.address);
  }

  quarantine(quarantine: Quarantine): void {
    this.#quarantines.set(quarantine.address, quarantine);
  }

  clear(): void {
    this.#leases.clear();
    this.#byClient.clear();
    this.#byHardware.clear();
    this.#quarantines.clear();
  }

  #remove(address: Ipv4): void {
    const lease = this.#leases.get(address);
    if (lease === undefined) return;
    this.#leases.delete(address);
    this.#byClient.delete(indexKey(lease.subnet, lease.clientKey));
    const hardware = indexKey(lease.subnet, lease.mac);
    const addresses = this.#byHardware.get(hardware);
    addresses?.delete(address);
    if (addresses?.size === 0) this.#byHardware.delete(hardware);
  }
}

function indexKey(subnet: string, name: string): string {
  return `${subnet} ${name}`;
}
