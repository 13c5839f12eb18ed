import type { Ipv4, Mac } from "../../core/addresses.ts";
import type { RelayMachine, RelayState } from "../../core/relay-protocol/state.ts";

/** What the server needs of the site's state; a new object whenever it changes. */
export type SiteSnapshot = Pick<RelayState, "site" | "machines">;

/** Reads the current state; `undefined` before the relay has one. */
export type SiteReader = () => SiteSnapshot | undefined;

/** The site's machines by MAC and by reserved address. */
export class Reservations {
  readonly #site: SiteReader;
  #indexed: SiteSnapshot | undefined;
  #byMac = new Map<Mac, RelayMachine>();
  #byAddress = new Map<Ipv4, RelayMachine>();

  constructor(site: SiteReader) {
    this.#site = site;
  }

  machine(mac: Mac): RelayMachine | undefined {
    this.#refresh();
    return this.#byMac.get(mac);
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
    this.#byAddress = new Map();
    for (const machine of snapshot?.machines ?? []) {
      for (const mac of machine.macs) this.#byMac.set(mac, machine);
      if (machine.address !== undefined) this.#byAddress.set(machine.address, machine);
    }
  }
}
