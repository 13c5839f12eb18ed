import type { Ipv4 } from "../../core/addresses.ts";
import { type DhcpPacket, getIpv4, OPTION } from "../../core/dhcp-packet/index.ts";
import type { AddressPool } from "./address-pool.ts";
import { type DhcpClient, mayTakeOver } from "./client.ts";
import { NO_ADDRESS, type Subnet } from "./subnet.ts";

/** What a DHCPREQUEST comes to. */
export type RequestVerdict =
  | { readonly kind: "ack"; readonly address: Ipv4 }
  | {
      readonly kind: "nak";
      readonly address: Ipv4;
      readonly reason:
        | "address not available"
        | "wrong network"
        | "another address is yours"
        | "no lease is known";
    }
  | {
      readonly kind: "silent";
      readonly reason: "no-address-named" | "other-server-chosen" | "unknown-client";
    };

type RequestContext = {
  readonly subnet: Subnet;
  readonly pool: AddressPool;
  /** Whether option 54 means this server. */
  readonly isOwnServer: (address: Ipv4) => boolean;
  /** Whether nobody else has leases in the network. */
  readonly authoritative: boolean;
  /** The port of a switch that the client hangs on. */
  readonly port: string | null;
};

/** The address that a REQUEST is about. */
export function addressNamed(packet: DhcpPacket): Ipv4 | undefined {
  return packet.ciaddr === NO_ADDRESS ? getIpv4(packet, OPTION.REQUESTED_IP_ADDRESS) : packet.ciaddr;
}

/**
 * Tells the states of RFC 2131 section 4.3.2 apart, by what the client fills in:
 *
 *                54      50      ciaddr
 *     SELECTING   set     set     0
 *     INIT-REBOOT -       set     0
 *     RENEWING    -       -       set      by unicast
 *     REBINDING   -       -       set      by broadcast
 *
 * A set ciaddr outranks the rest: some clients repeat 50 and 54 when renewing.
 */
export function judgeRequest(
  packet: DhcpPacket,
  client: DhcpClient,
  context: RequestContext,
  now: number,
): RequestVerdict {
  const server = getIpv4(packet, OPTION.SERVER_IDENTIFIER);
  if (server !== undefined && !context.isOwnServer(server)) {
    return { kind: "silent", reason: "other-server-chosen" };
  }
  if (packet.ciaddr !== NO_ADDRESS) return judgeKnown(packet.ciaddr, client, context, now);
  const requested = getIpv4(packet, OPTION.REQUESTED_IP_ADDRESS);
  if (requested === undefined) return { kind: "silent", reason: "no-address-named" };
  if (server === undefined) return judgeReboot(requested, client, context, now);
  // Also without an offer on record: it ran out, or the relay was restarted since.
  const { pool, port } = context;
  return pool.mayHold(client, requested, now, true) && pool.mayBegin(client, requested, port, now)
    ? { kind: "ack", address: requested }
    : { kind: "nak", address: requested, reason: "address not available" };
}

/** INIT-REBOOT: the client remembers an address. On another network it is wrong, whoever gave it. */
function judgeReboot(
  requested: Ipv4,
  client: DhcpClient,
  context: RequestContext,
  now: number,
): RequestVerdict {
  return context.subnet.contains(requested)
    ? judgeKnown(requested, client, context, now)
    : { kind: "nak", address: requested, reason: "wrong network" };
}

/**
 * A client goes on with its lease, if it is one of ours. Of one that we know
 * nothing of, another server may know (RFC 2131: MUST remain silent).
 */
function judgeKnown(
  address: Ipv4,
  client: DhcpClient,
  { pool, authoritative }: RequestContext,
  now: number,
): RequestVerdict {
  const own = pool
    .ownLeases(client)
    .filter((lease) => mayTakeOver(client, { ...lease, key: lease.clientKey }, lease.address === address));
  if (own.length === 0) {
    return authoritative
      ? { kind: "nak", address, reason: "no lease is known" }
      : { kind: "silent", reason: "unknown-client" };
  }
  if (!own.some((lease) => lease.address === address)) {
    return { kind: "nak", address, reason: "another address is yours" };
  }
  return pool.mayHold(client, address, now, true)
    ? { kind: "ack", address }
    : { kind: "nak", address, reason: "address not available" };
}
