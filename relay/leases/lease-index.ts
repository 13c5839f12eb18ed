import type { Ipv4, Mac } from "../../core/addresses.ts";
import type { ClientKey, Lease, LeaseChange, Quarantine } from "./lease.ts";

/** The leases of one subnet, by who holds them: each client one, each hardware one or more. */
type Holders = { readonly byClient: Map<ClientKey, Ipv4>; readonly byHardware: Map<Mac, Ipv4[]> };

/** Leases and quarantines in memory, found by address, client and hardware. */
export class LeaseIndex {
  readonly #leases = new Map<Ipv4, Lease>();
  readonly #bySubnet = new Map<string, Holders>();
  readonly #byPort = new Map<string, Set<Ipv4>>();
  readonly #quarantines = new Map<Ipv4, Quarantine>();

  all(): Iterable<Lease> {
    return this.#leases.values();
  }

  byAddress(address: Ipv4): Lease | undefined {
    return this.#leases.get(address);
  }

  byClient(subnet: string, clientKey: ClientKey): Lease | undefined {
    const address = this.#bySubnet.get(subnet)?.byClient.get(clientKey);
    return address === undefined ? undefined : this.#leases.get(address);
  }

  /** The leases of one piece of hardware, live or not, the one that ends last first. */
  byHardware(subnet: string, mac: Mac): Lease[] {
    const addresses = this.#bySubnet.get(subnet)?.byHardware.get(mac);
    if (addresses === undefined) return [];
    const leases = addresses.map((address) => this.#leases.get(address)!);
    return leases.length === 1 ? leases : leases.sort((a, b) => b.expiresAt - a.expiresAt);
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
        this.#quarantines.delete(lease.address);
        const current = this.#leases.get(lease.address);
        // A renewal, as most are: nothing that it is found by changes, nor need those strings be kept twice.
        if (current !== undefined && isOfSame(current, lease)) {
          const { speaker, hostname, state, expiresAt } = lease;
          this.#leases.set(current.address, { ...current, speaker, hostname, state, expiresAt });
          return;
        }
        const earlier = this.byClient(lease.subnet, lease.clientKey);
        if (earlier !== undefined) this.#remove(earlier.address);
        this.#remove(lease.address);
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
    const { address, subnet, clientKey, mac, port } = lease;
    this.#leases.set(address, lease);
    let holders = this.#bySubnet.get(subnet);
    if (holders === undefined) {
      holders = { byClient: new Map(), byHardware: new Map() };
      this.#bySubnet.set(subnet, holders);
    }
    holders.byClient.set(clientKey, address);
    const ofHardware = holders.byHardware.get(mac);
    if (ofHardware === undefined) holders.byHardware.set(mac, [address]);
    else ofHardware.push(address);
    if (port === null) return;
    const ofPort = this.#byPort.get(port);
    if (ofPort === undefined) this.#byPort.set(port, new Set([address]));
    else ofPort.add(address);
  }

  quarantine(quarantine: Quarantine): void {
    this.#quarantines.set(quarantine.address, quarantine);
  }

  clear(): void {
    this.#leases.clear();
    this.#bySubnet.clear();
    this.#byPort.clear();
    this.#quarantines.clear();
  }

  #remove(address: Ipv4): void {
    const lease = this.#leases.get(address);
    if (lease === undefined) return;
    const { subnet, clientKey, mac, port } = lease;
    this.#leases.delete(address);
    const holders = this.#bySubnet.get(subnet)!;
    holders.byClient.delete(clientKey);
    const ofHardware = holders.byHardware.get(mac)!;
    if (ofHardware.length === 1) holders.byHardware.delete(mac);
    else ofHardware.splice(ofHardware.indexOf(address), 1);
    if (port === null) return;
    const ofPort = this.#byPort.get(port);
    ofPort?.delete(address);
    if (ofPort?.size === 0) this.#byPort.delete(port);
  }
}

const NONE: ReadonlySet<Ipv4> = new Set();

function isOfSame(a: Lease, b: Lease): boolean {
  return a.clientKey === b.clientKey && a.mac === b.mac && a.port === b.port && a.subnet === b.subnet;
}
