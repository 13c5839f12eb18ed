import { formatMac, type Mac } from "../../core/addresses.ts";
import { formatHex } from "../../core/bytes.ts";
import { type DhcpPacket, getOption, getText, OPTION } from "../../core/dhcp-packet/index.ts";
import { type BootClient, classifyClient } from "../../core/pxe/boot-client.ts";
import type { ClientKey, Speaker } from "../leases/lease.ts";

/** Who sent a packet. */
export type DhcpClient = {
  readonly key: ClientKey;
  readonly mac: Mac;
  readonly speaker: Speaker;
  readonly boot: BootClient;
  readonly hostname: string | null;
};

/** What holds an address, by a lease or an offer. */
export type Holder = Pick<DhcpClient, "key" | "mac" | "speaker">;

/** Tells who sent a packet; `undefined` without a hardware address, by which alone a machine is known. */
export function identifyClient(packet: DhcpPacket): DhcpClient | undefined {
  if (packet.chaddr.length === 0) return undefined;
  const boot = classifyClient(packet);
  const clientIdentifier = getOption(packet, OPTION.CLIENT_IDENTIFIER);
  return {
    // RFC 2132 section 9.14 demands two bytes at least.
    key:
      clientIdentifier !== undefined && clientIdentifier.length >= 2
        ? formatHex(clientIdentifier)
        : formatHex([packet.htype]) + formatHex(packet.chaddr),
    mac: formatMac(packet.chaddr),
    speaker: boot.kind === "other" ? "system" : "firmware",
    boot,
    hostname: getText(packet, OPTION.HOST_NAME) ?? null,
  };
}

/**
 * Whether a client may have an address that a holder still lives on.
 *
 * The same client may, and nobody with other hardware. In between stands one
 * machine that shows several identities: its ROM, iPXE, an installer and the
 * installed system each send an option 61 of their own. While its firmware
 * speaks, no system runs on it, so firmware and system hand the one address to
 * each other, and a boot takes one address of the pool and not three. Two
 * *systems* on one hardware address are different: they may well run at once
 * (containers on ipvlan, say), so each has a lease of its own, unless
 * the later one itself names the earlier one's address as its own.
 *
 * @param named the client asks for this very address
 */
export function mayTakeOver(client: DhcpClient, holder: Holder, named: boolean): boolean {
  if (client.key === holder.key) return true;
  if (client.mac !== holder.mac) return false;
  return named || client.speaker === "firmware" || holder.speaker === "firmware";
}
