import type { Ipv4 } from "../../core/addresses.ts";
import {
  bytesOption,
  type DhcpOption,
  type DhcpPacket,
  getOption,
  getU16,
  ipv4Option,
  MESSAGE_TYPE,
  OPTION,
  textOption,
  u8Option,
} from "../../core/dhcp-packet/index.ts";
import { bootFileFields } from "../../core/pxe/boot-file.ts";
import { pxeVendorOptions } from "../../core/pxe/vendor-options.ts";
import type { BootDirection } from "./boot-directions.ts";
import type { DhcpClient } from "./client.ts";
import type { RelayAgent } from "./relay-agent.ts";
import { NO_ADDRESS, type Subnet } from "./subnet.ts";

/** Where a request came from, and so what its reply is made of. */
export type Place = { readonly subnet: Subnet; readonly agent: RelayAgent | undefined };

/** An OFFER, or an ACK of a lease. */
export function leaseReply(
  type: typeof MESSAGE_TYPE.OFFER | typeof MESSAGE_TYPE.ACK,
  request: DhcpPacket,
  client: DhcpClient,
  address: Ipv4,
  direction: BootDirection,
  place: Place,
): DhcpPacket {
  const { times } = place.subnet;
  return configured(type, request, client, direction, place, { yiaddr: address, times });
}

/** The ACK of an INFORM: configuration for an address that the client has by other means. */
export function informReply(
  request: DhcpPacket,
  client: DhcpClient,
  direction: BootDirection,
  place: Place,
): DhcpPacket {
  return configured(MESSAGE_TYPE.ACK, request, client, direction, place, { yiaddr: NO_ADDRESS, times: [] });
}

/** A NAK (RFC 2131 table 3): nothing but who says so, and why. */
export function nakReply(request: DhcpPacket, place: Place, message: string): DhcpPacket {
  const addressedReply = addressed(request);
  return {
    ...addressedReply,
    // The agent shall broadcast it (RFC 2131 section 4.3.2): the client's address is what is wrong.
    flags: place.agent === undefined ? addressedReply.flags : addressedReply.flags | BROADCAST_FLAG,
    options: [
      u8Option(OPTION.MESSAGE_TYPE, MESSAGE_TYPE.NAK),
      ipv4Option(OPTION.SERVER_IDENTIFIER, serverIdentifier(place)),
      textOption(OPTION.MESSAGE, message),
      ...echoedClientIdentifier(request),
      ...echoedAgentInformation(place),
    ],
  };
}

/** Bit 15 of `flags`. */
const BROADCAST_FLAG = 0x8000;

/** IP and UDP headers, which option 57 counts (RFC 2132 section 9.10 has 576, IPv4's least datagram). */
const HEADER_BYTES = 28;
const LEAST_DATAGRAM_BYTES = 576;

/** Most bytes of a reply's UDP payload. */
export function maxReplyBytes(request: DhcpPacket, mtu: number): number {
  const told = getU16(request, OPTION.MAXIMUM_MESSAGE_SIZE) ?? 0;
  return Math.min(Math.max(told, LEAST_DATAGRAM_BYTES), Math.max(mtu, LEAST_DATAGRAM_BYTES)) - HEADER_BYTES;
}

function configured(
  type: number,
  request: DhcpPacket,
  client: DhcpClient,
  direction: BootDirection,
  place: Place,
  given: { readonly yiaddr: Ipv4; readonly times: readonly DhcpOption[] },
): DhcpPacket {
  const { subnet } = place;
  const boot =
    direction.kind === "none"
      ? { siaddr: NO_ADDRESS, file: "", options: [] }
      : bootFileFields(direction, subnet.serverAddress);
  const booting = [...boot.options, ...pxeVendorOptions(request, client.boot)];
  return {
    ...addressed(request),
    ciaddr: type === MESSAGE_TYPE.ACK ? request.ciaddr : NO_ADDRESS,
    yiaddr: given.yiaddr,
    siaddr: boot.siaddr,
    file: boot.file,
    options: withoutRepeats([
      u8Option(OPTION.MESSAGE_TYPE, type),
      ipv4Option(OPTION.SERVER_IDENTIFIER, serverIdentifier(place)),
      ...given.times,
      // What boots counts for more than what is configured by code (43, say), but goes behind it: EDK2 writes
      // a NUL behind option 67 (PxeBcParseDhcp4Packet), over the next option's code. Seen with OVMF 2022.11:
      // where 1, 3 and 6 follow, it declines the lease ("denied upon entering bound"); 97 it can lose.
      ...requestedOptions(request, subnet).filter(({ code }) => !booting.some((each) => each.code === code)),
      ...booting,
      ...echoedClientIdentifier(request),
      ...echoedAgentInformation(place),
    ]),
  };
}

function serverIdentifier({ subnet, agent }: Place): Ipv4 {
  return agent?.serverIdentifier ?? subnet.serverAddress;
}

/** An option goes once. */
function withoutRepeats(options: readonly DhcpOption[]): DhcpOption[] {
  const kept: DhcpOption[] = [];
  for (const option of options) if (!kept.some(({ code }) => code === option.code)) kept.push(option);
  return kept;
}

/** RFC 3046 section 2.2: as it came. */
function echoedAgentInformation({ agent }: Place): DhcpOption[] {
  return agent === undefined || agent.information === null ? [] : [agent.information];
}

/** A reply's fixed fields before it says anything (RFC 2131 table 3). */
export function addressed(request: DhcpPacket): DhcpPacket {
  return {
    op: 2,
    htype: request.htype,
    hlen: request.hlen,
    hops: 0,
    xid: request.xid,
    secs: 0,
    flags: request.flags,
    ciaddr: NO_ADDRESS,
    yiaddr: NO_ADDRESS,
    siaddr: NO_ADDRESS,
    giaddr: request.giaddr,
    chaddr: request.chaddr,
    sname: "",
    file: "",
    options: [],
  };
}

/**
 * The network's configuration, in the order in which the client asks for it
 * (option 55), all of it if it does not say. The mask always goes along: a
 * client without one falls back to address classes.
 */
function requestedOptions(request: DhcpPacket, { options }: Subnet): DhcpOption[] {
  const asked = getOption(request, OPTION.PARAMETER_REQUEST_LIST);
  if (asked === undefined) return [...options.values()];
  // The mask comes before the router in any case (RFC 2132 section 3.3).
  const found = [options.get(OPTION.SUBNET_MASK)!];
  for (const code of asked) {
    const option = options.get(code);
    if (option !== undefined && !found.includes(option)) found.push(option);
  }
  return found;
}

/** RFC 6842 section 3. */
export function echoedClientIdentifier(request: DhcpPacket): DhcpOption[] {
  const data = getOption(request, OPTION.CLIENT_IDENTIFIER);
  return data === undefined ? [] : [bytesOption(OPTION.CLIENT_IDENTIFIER, data)];
}
