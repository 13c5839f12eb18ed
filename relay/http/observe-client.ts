import type { Ipv4, Mac } from "../../core/addresses.ts";
import type { ObservedClient } from "../../core/relay-protocol/events.ts";

/** Says who a client is, by its address and the interface that it reached. */
export type ObserveClient = (ip: Ipv4, interfaceName: string) => ObservedClient;

export type ObserveClientOptions = {
  /** The hardware that holds a live lease on an address. */
  readonly macByAddress: (address: Ipv4) => Mac | undefined;
  /** Who the kernel takes an address for, on one interface. */
  readonly lookupNeighbour: (address: Ipv4, interfaceName: string) => Mac | undefined;
  /** Who was overheard on an interface to ask another DHCP server for an address. */
  readonly overheard: (address: Ipv4, interfaceName: string) => Mac | undefined;
};

/**
 * Creates the look-up of a client's MAC: our own lease is worth more than the
 * kernel's neighbour table, which is worth more than what the client said to
 * another DHCP server.
 */
export function createClientObserver(options: ObserveClientOptions): ObserveClient {
  const { macByAddress, lookupNeighbour, overheard } = options;
  return (ip, interfaceName) => {
    const observed = (mac: Mac | null, source: ObservedClient["source"]): ObservedClient => {
      return { ip, mac, source, interface: interfaceName };
    };
    const leased = macByAddress(ip);
    if (leased !== undefined) return observed(leased, "lease");
    const neighbour = lookupNeighbour(ip, interfaceName);
    if (neighbour !== undefined) return observed(neighbour, "neighbour");
    const heard = overheard(ip, interfaceName);
    return heard === undefined ? observed(null, null) : observed(heard, "dhcp");
  };
}
