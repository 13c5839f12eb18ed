import type { Ipv4 } from "../../core/addresses.ts";
import {
  bytesOption,
  type DhcpOption,
  type DhcpPacket,
  getOption,
  getU16,
  ipv4ListOption,
  ipv4Option,
  MESSAGE_TYPE,
  OPTION,
  textOption,
  u32Option,
  u8Option,
} from "../../core/dhcp-packet/index.ts";
import { bootFileFields } from "../../core/pxe/boot-file.ts";
import { pxeVendorOptions } from "../../core/pxe/vendor-options.ts";
import type { DhcpServerConfig } from "../config/model.ts";
import type { BootDirection } from "./boot-directions.ts";
import type { DhcpClient } from "./client.ts";
import type { Subnet } from "./subnet.ts";

export const NO_ADDRESS = "0.0.0.0";

/** What replies on one network have in common. */
export type Network = { readonly subnet: Subnet; readonly config: DhcpServerConfig };

/** An OFFER, or an ACK of a lease. */
export function leaseReply(
  type: typeof MESSAGE_TYPE.OFFER | typeof MESSAGE_TYPE.ACK,
  request: DhcpPacket,
  client: DhcpClient,
  address: Ipv4,
  direction: BootDirection,
  network: Network,
): DhcpPacket {
  const seconds = network.config.leaseSeconds;
  return configured(type, request, client, direction, network, {
    yiaddr: address,
    times: [
      u32Option(OPTION.IP_ADDRESS_LEASE_TIME, seconds),
      // RFC 2131 section 4.4.5: half, and seven eighths of it.
      u32Option(OPTION.RENEWAL_TIME, Math.floor(seconds / 2)),
      u32Option(OPTION.REBINDING_TIME, Math.floor((seconds * 7) / 8)),
    ],
  });
}

/** The ACK of an INFORM: configuration for an address that the client has by other means. */
export function informReply(
  request: DhcpPacket,
  client: DhcpClient,
  direction: BootDirection,
  network: Network,
): DhcpPacket {
  return configured(MESSAGE_TYPE.ACK, request, client, direction, network, { yiaddr: NO_ADDRESS, times: [] });
}

/** A NAK (RFC 2131 table 3): nothing but who says so, and why. */
export function nakReply(request: DhcpPacket, network: Network, message: string): DhcpPacket {
  return {
    ...addressed(request),
    options: [
      u8Option(OPTION.MESSAGE_TYPE, MESSAGE_TYPE.NAK),
      ipv4Option(OPTION.SERVER_IDENTIFIER, network.subnet.serverAddress),
      textOption(OPTION.MESSAGE, message),
      ...echoedClientIdentifier(request),
    ],
  };
}

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
  network: Network,
  given: { readonly yiaddr: Ipv4; readonly times: readonly DhcpOption[] },
): DhcpPacket {
  const { subnet } = network;
  const boot =
    direction.kind === "none"
      ? { siaddr: NO_ADDRESS, file: "", options: [] }
      : bootFileFields(direction, subnet.serverAddress);
  return {
    ...addressed(request),
    ciaddr: type === MESSAGE_TYPE.ACK ? request.ciaddr : NO_ADDRESS,
    yiaddr: given.yiaddr,
    siaddr: boot.siaddr,
    file: boot.file,
    options: [
      u8Option(OPTION.MESSAGE_TYPE, type),
      ipv4Option(OPTION.SERVER_IDENTIFIER, subnet.serverAddress),
      ...given.times,
      ...requestedOptions(request, network),
      ...boot.options,
      ...pxeVendorOptions(request, client.boot),
      ...echoedClientIdentifier(request),
    ],
  };
}

/** A reply's fixed fields before it says anything (RFC 2131 table 3). */
function addressed(request: DhcpPacket): DhcpPacket {
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
function requestedOptions(request: DhcpPacket, { subnet, config }: Network): DhcpOption[] {
  const all = [
    ipv4Option(OPTION.SUBNET_MASK, subnet.netmask),
    ...(config.router === undefined ? [] : [ipv4Option(OPTION.ROUTER, config.router)]),
    ...(config.dns.length === 0 ? [] : [ipv4ListOption(OPTION.DOMAIN_NAME_SERVER, config.dns)]),
    ...(config.domain === undefined ? [] : [textOption(OPTION.DOMAIN_NAME, config.domain)]),
    ipv4Option(OPTION.BROADCAST_ADDRESS, subnet.broadcast),
  ];
  const asked = getOption(request, OPTION.PARAMETER_REQUEST_LIST);
  if (asked === undefined) return all;
  // The mask comes before the router in any case (RFC 2132 section 3.3).
  const order = [OPTION.SUBNET_MASK, ...asked];
  return [...new Set(order)].flatMap((code) => all.filter((option) => option.code === code));
}

/** RFC 6842 section 3. */
function echoedClientIdentifier(request: DhcpPacket): DhcpOption[] {
  const data = getOption(request, OPTION.CLIENT_IDENTIFIER);
  return data === undefined ? [] : [bytesOption(OPTION.CLIENT_IDENTIFIER, data)];
}
