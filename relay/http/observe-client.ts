import type { Ipv4, Mac } from "../../core/addresses.ts";
import type { ObservedClient } from "../../core/relay-protocol/events.ts";

/** Says who a client is, by its address and the interface that it reached. */
export type ObserveClient = (ip: Ipv4, interfaceName: string) => ObservedClient;

export type ObserveClientOptions = {
  /** The hardware that holds a live lease on an address. */
  readonly macByAddress: (address: Ipv4) => Mac | undefined;
  /** Who the kernel takes an address for, on one interface. */
  readonly lookupNeighbour: (address: Ipv4, interfaceName: string) => Mac | undefined;
};

/**
 * Creates the look-up of a client's MAC: our own lease is worth more than the
 * kernel's neighbour table, which is worth more than nothing.
 */
export function createClientObserver({ macByAddress, lookupNeighbour }: ObserveClientOptions): ObserveClient {
  return (ip, interfaceName) => {
    const leased = macByAddress(ip);
    if (leased !== undefined) return { ip, mac: leased, source: "lease", interface: interfaceName };
    const neighbour = lookupNeighbour(ip, interfaceName);
    return {
      ip,
      mac: neighbour ?? null,
      source: neighbour === undefined ? null : "neighbour",
      interface: interfaceName,
    };
  };
}
