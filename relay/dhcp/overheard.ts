import { formatMac, type Ipv4, type Mac } from "../../core/addresses.ts";
import { type DhcpPacket, getIpv4, getU8, MESSAGE_TYPE, OPTION } from "../../core/dhcp-packet/index.ts";
import { NO_ADDRESS } from "./subnet.ts";

/** How long a client's word is kept: longer than an install takes, with its leases renewed out of our hearing. */
const KEPT_MS = 12 * 60 * 60_000;

/** Clients remembered; the one heard longest ago is forgotten first. */
const MAX_CLIENTS = 16_384;

/**
 * Who said in a REQUEST that an address is its own. Beside another server a
 * relay has no lease to look at, and the kernel knows no neighbour behind a
 * relay agent: this is all that tells such a client's MAC. It is the client's
 * own word, so it counts after the other two.
 */
export class OverheardClients {
  readonly #now: () => number;
  readonly #heard = new Map<string, { readonly mac: Mac; readonly at: number }>();

  /** @param now milliseconds, of any epoch */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes note of a REQUEST, or of nothing if a packet is none. */
  note(packet: DhcpPacket, device: string): void {
    if (getU8(packet, OPTION.MESSAGE_TYPE) !== MESSAGE_TYPE.REQUEST || packet.chaddr.length !== 6) return;
    const isHeld = packet.ciaddr !== NO_ADDRESS;
    const address = isHeld ? packet.ciaddr : getIpv4(packet, OPTION.REQUESTED_IP_ADDRESS);
    if (address === undefined || address === NO_ADDRESS) return;
    const key = keyOf(address, device);
    // Of an address that a client only remembers (INIT-REBOOT) the server may say no, unheard by us.
    const isGranted = isHeld || getIpv4(packet, OPTION.SERVER_IDENTIFIER) !== undefined;
    if (!isGranted && this.macByAddress(address, device) !== undefined) return;
    // Put last again, so that the keys lie in the order of their time.
    this.#heard.delete(key);
    this.#heard.set(key, { mac: formatMac(packet.chaddr), at: this.#now() });
    if (this.#heard.size > MAX_CLIENTS) this.#heard.delete(this.#heard.keys().next().value!);
  }

  /** Who asked last for an address on an interface. */
  macByAddress(address: Ipv4, device: string): Mac | undefined {
    const heard = this.#heard.get(keyOf(address, device));
    return heard !== undefined && heard.at + KEPT_MS > this.#now() ? heard.mac : undefined;
  }
}

function keyOf(address: Ipv4, device: string): string {
  return `${device} ${address}`;
}
