import type { Ipv4 } from "../../core/addresses.ts";
import type { DhcpPacket } from "../../core/dhcp-packet/index.ts";
import type { AddressPool } from "./address-pool.ts";
import type { RelayAgent } from "./relay-agent.ts";
import { NO_ADDRESS, type Subnet } from "./subnet.ts";

/** A network and the addresses it has to give. */
export type ServedNetwork = { readonly subnet: Subnet; readonly pool: AddressPool };

/** The networks that an interface serves. */
export class Networks {
  readonly all: readonly ServedNetwork[];
  readonly #local: readonly ServedNetwork[];
  readonly #own: ReadonlySet<Ipv4>;

  constructor(all: readonly ServedNetwork[]) {
    this.all = all;
    this.#local = all.filter(({ subnet }) => subnet.local);
    this.#own = new Set(all.map(({ subnet }) => subnet.serverAddress));
  }

  /** Whether option 54 means this server. */
  isOwn(server: Ipv4, agent: RelayAgent | undefined): boolean {
    return this.#own.has(server) || server === agent?.serverIdentifier;
  }

  /**
   * The networks that a packet's sender may be in: of a wire with several, all
   * of them. A relayed client renews by itself: then its own address tells.
   */
  of(packet: DhcpPacket, agent: RelayAgent | undefined): readonly ServedNetwork[] {
    if (agent !== undefined) return this.#containing(agent.link);
    if (packet.ciaddr !== NO_ADDRESS) {
      const found = this.#containing(packet.ciaddr);
      if (found.length > 0) return found;
    }
    return this.#local;
  }

  /** Whether an address lies in a network that is served here. */
  serve(address: Ipv4): boolean {
    return this.#containing(address).length > 0;
  }

  #containing(address: Ipv4): readonly ServedNetwork[] {
    const found = this.all.find(({ subnet }) => subnet.contains(address));
    if (found === undefined) return [];
    // Networks of one wire are one link.
    return found.subnet.local ? [found, ...this.#local.filter((each) => each !== found)] : [found];
  }
}
