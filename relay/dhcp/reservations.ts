import type { Ipv4, Mac } from "../../core/addresses.ts";
import type { RelayMachine, RelayState } from "../../core/relay-protocol/state.ts";

/** What the server needs of the site's state; a new object whenever it changes. */
export type SiteSnapshot = Pick<RelayState, "site" | "machines">;

/** Reads the current state; `undefined` before the relay has one. */
export type SiteReader = () => SiteSnapshot | undefined;

/** The site's machines by MAC, UUID and reserved address. */
export class Reservations {
  readonly #site: SiteReader;
  #indexed: SiteSnapshot | undefined;
  #byMac = new Map<Mac, RelayMachine>();
  #byUuid = new Map<string, RelayMachine>();
  #byAddress = new Map<Ipv4, RelayMachine>();
  #withoutAddress = 0;

  constructor(site: SiteReader) {
    this.#site = site;
  }

  /** Whether the site knows the machine: by its MAC, else by the UUID that its firmware tells. */
  isRegistered(mac: Mac, uuid: string | null): boolean {
    return this.machine(mac, uuid) !== undefined;
  }

  /** How many machines the site knows that have no address of their own. */
  get withoutAddress(): number {
    this.#refresh();
    return this.#withoutAddress;
  }

  /** Every reserved address. */
  addresses(): Iterable<Ipv4> {
    this.#refresh();
    return this.#byAddress.keys();
  }

  /** The machine that has a MAC, else the UUID that its firmware tells. */
  machine(mac: Mac, uuid: string | null = null): RelayMachine | undefined {
    this.#refresh();
    return this.#byMac.get(mac) ?? (uuid === null ? undefined : this.#byUuid.get(uuid));
  }

  /** The machine that alone may have an address. */
  holder(address: Ipv4): RelayMachine | undefined {
    this.#refresh();
    return this.#byAddress.get(address);
  }

  #refresh(): void {
    const snapshot = this.#site();
    if (snapshot === this.#indexed) return;
    this.#indexed = snapshot;
    this.#byMac = new Map();
    this.#byUuid = new Map();
    this.#byAddress = new Map();
    this.#withoutAddress = 0;
    for (const machine of snapshot?.machines ?? []) {
      for (const mac of machine.macs) this.#byMac.set(mac, machine);
      if (machine.uuid !== undefined) this.#byUuid.set(machine.uuid.toLowerCase(), machine);
      if (machine.address === undefined) this.#withoutAddress += 1;
      // The first machine named keeps an address that two have.
      else if (!this.#byAddress.has(machine.address)) this.#byAddress.set(machine.address, machine);
    }
  }
}
