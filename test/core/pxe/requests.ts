import { decode, type DhcpOption, type DhcpPacket } from "../../../core/dhcp-packet/index.ts";
import { EDK2_DISCOVER } from "../dhcp-packet/captures.ts";

/** A DISCOVER with just these options, and perhaps another hardware address. */
export function request(options: readonly DhcpOption[], chaddr?: Uint8Array): DhcpPacket {
  const packet = decode(EDK2_DISCOVER);
  return { ...packet, chaddr: chaddr ?? packet.chaddr, options };
}
