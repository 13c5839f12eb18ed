import type { Ipv4 } from "../../core/addresses.ts";
import { type DhcpPacket, getIpv4, getU8, MESSAGE_TYPE, OPTION } from "../../core/dhcp-packet/index.ts";
import type { BootEventInput } from "../../core/relay-protocol/events.ts";
import { isLive, type Lease } from "../leases/lease.ts";
import type { AddressPool, LeaseReader } from "./address-pool.ts";
import type { BootDirection, BootDirections } from "./boot-directions.ts";
import { type DhcpClient, identifyClient } from "./client.ts";
import { OFFER_MS, type Offers } from "./offers.ts";
import { type Outcome, silent } from "./outcome.ts";
import { informReply, leaseReply, maxReplyBytes, nakReply, type Network, NO_ADDRESS } from "./reply.ts";
import { judgeRequest } from "./request.ts";

/** All that decides on a reply, beside the packet and the time. */
export type EngineContext = Network & {
  /** The interface's largest IP packet in bytes. */
  readonly mtu: number;
  readonly leases: LeaseReader;
  readonly offers: Offers;
  readonly pool: AddressPool;
  readonly boot: BootDirections;
};

/** How long nobody gets an address that a client found taken. */
export const QUARANTINE_MS = 60 * 60_000;

/** A client's message with what was read of it. */
type Message = { readonly packet: DhcpPacket; readonly client: DhcpClient; readonly now: number };

/**
 * Decides what comes of one request (RFC 2131 section 4.3), with no I/O:
 * leases are read here and changed by whoever carries the outcome out. Of the
 * context, the offers and the pool's place are its own memory.
 *
 * @param now milliseconds since the epoch
 */
export function handle(packet: DhcpPacket, context: EngineContext, now: number): Outcome {
  if (packet.giaddr !== NO_ADDRESS) return silent("relayed");
  const client = identifyClient(packet);
  if (client === undefined) return silent("no-hardware-address");
  const message = { packet, client, now };
  switch (getU8(packet, OPTION.MESSAGE_TYPE) ?? 0) {
    case MESSAGE_TYPE.DISCOVER:
      return discover(message, context);
    case MESSAGE_TYPE.REQUEST:
      return request(message, context);
    case MESSAGE_TYPE.DECLINE:
      return decline(message, context);
    case MESSAGE_TYPE.RELEASE:
      return release(message, context);
    case MESSAGE_TYPE.INFORM:
      return inform(message, context);
    default:
      return silent("no-client-message");
  }
}

function discover({ packet, client, now }: Message, context: EngineContext): Outcome {
  const address = context.pool.choose(client, getIpv4(packet, OPTION.REQUESTED_IP_ADDRESS), now);
  if (address === undefined) return silent("pool-exhausted");
  const { key, mac, speaker } = client;
  context.offers.hold({ key, mac, speaker, address, expiresAt: now + OFFER_MS });
  const direction = context.boot.choose(client, now);
  return {
    kind: "reply",
    packet: leaseReply(MESSAGE_TYPE.OFFER, packet, client, address, direction, context),
    maxBytes: maxReplyBytes(packet, context.mtu),
    destination: destinationOf(packet, context),
    changes: [],
    event: clientEvent("offered", client, address, direction),
  };
}

function request({ packet, client, now }: Message, context: EngineContext): Outcome {
  const verdict = judgeRequest(packet, client, context, now);
  if (verdict.kind === "silent") {
    if (verdict.reason === "other-server-chosen") {
      context.offers.withdraw(client.key);
      context.pool.freed();
    }
    return silent(verdict.reason);
  }
  const { address } = verdict;
  const maxBytes = maxReplyBytes(packet, context.mtu);
  if (verdict.kind === "nak") {
    return {
      kind: "reply",
      packet: nakReply(packet, context, verdict.reason),
      maxBytes,
      // The client's address is what is wrong: never to ciaddr.
      destination: broadcast(context),
      changes: [],
      event: {
        mac: client.mac,
        stage: "dhcp",
        name: "refused",
        detail: { requested: address, reason: verdict.reason },
      },
    };
  }
  context.offers.withdraw(client.key);
  const direction = context.boot.choose(client, now);
  context.boot.followed(client, direction, now);
  return {
    kind: "reply",
    packet: leaseReply(MESSAGE_TYPE.ACK, packet, client, address, direction, context),
    maxBytes,
    destination: destinationOf(packet, context),
    changes: [{ kind: "bind", lease: leaseFor(client, address, context, now) }],
    event: clientEvent("acknowledged", client, address, direction),
  };
}

function decline({ packet, client, now }: Message, context: EngineContext): Outcome {
  const address = getIpv4(packet, OPTION.REQUESTED_IP_ADDRESS);
  const lease = heldLease(packet, client, address, context, now);
  if (lease === undefined) return silent("not-the-holder");
  return {
    kind: "silent",
    reason: "declined",
    changes: [{ kind: "quarantine", quarantine: { address: lease.address, until: now + QUARANTINE_MS } }],
    event: { mac: client.mac, stage: "dhcp", name: "declined", detail: { address: lease.address } },
  };
}

function release({ packet, client, now }: Message, context: EngineContext): Outcome {
  const lease = heldLease(packet, client, packet.ciaddr, context, now);
  if (lease === undefined) return silent("not-the-holder");
  context.pool.freed();
  return {
    kind: "silent",
    reason: "released",
    changes: [{ kind: "release", address: lease.address, at: now }],
    event: { mac: client.mac, stage: "dhcp", name: "released", detail: { address: lease.address } },
  };
}

function inform({ packet, client, now }: Message, context: EngineContext): Outcome {
  if (packet.ciaddr !== NO_ADDRESS && !context.subnet.contains(packet.ciaddr)) return silent("not-in-subnet");
  const direction = context.boot.choose(client, now);
  return {
    kind: "reply",
    packet: informReply(packet, client, direction, context),
    maxBytes: maxReplyBytes(packet, context.mtu),
    destination: destinationOf(packet, context),
    changes: [],
    event: clientEvent("informed", client, packet.ciaddr, direction),
  };
}

/**
 * The live lease that a client gives back. Client and hardware must both be
 * the holder's, and option 54 ours, so that nobody gives back another's.
 */
function heldLease(
  packet: DhcpPacket,
  client: DhcpClient,
  address: Ipv4 | undefined,
  context: EngineContext,
  now: number,
): Lease | undefined {
  const server = getIpv4(packet, OPTION.SERVER_IDENTIFIER);
  if (address === undefined || (server !== undefined && server !== context.subnet.serverAddress))
    return undefined;
  const lease = context.leases.byAddress(address);
  if (lease === undefined || !isLive(lease, now)) return undefined;
  return lease.clientKey === client.key && lease.mac === client.mac ? lease : undefined;
}

function leaseFor(client: DhcpClient, address: Ipv4, { subnet, config }: Network, now: number): Lease {
  return {
    address,
    subnet: subnet.name,
    clientKey: client.key,
    mac: client.mac,
    speaker: client.speaker,
    hostname: client.hostname,
    state: "bound",
    expiresAt: now + config.leaseSeconds * 1000,
  };
}

/**
 * RFC 2131 section 4.1, without relay agents. A client that has no address yet
 * does not answer ARP, so it is reached by broadcast, whatever its flags say.
 */
function destinationOf(packet: DhcpPacket, network: Network): { address: Ipv4; port: number } {
  if (packet.ciaddr === NO_ADDRESS) return broadcast(network);
  return { address: packet.ciaddr, port: network.config.clientPort };
}

function broadcast({ config }: Network): { address: Ipv4; port: number } {
  return { address: "255.255.255.255", port: config.clientPort };
}

function clientEvent(
  name: "offered" | "acknowledged" | "informed",
  { mac, boot }: DhcpClient,
  address: Ipv4,
  direction: BootDirection,
): BootEventInput {
  return {
    mac,
    stage: "dhcp",
    name,
    detail: {
      address,
      arch: boot.arch,
      vendorClass: boot.vendorClass,
      userClass: boot.userClass.length === 0 ? null : boot.userClass.join(","),
      bootFile: direction.kind === "file" ? direction.file : direction.kind === "url" ? direction.url : null,
      client: boot.kind,
      // A boot client that is given nothing to boot: the timeline shall say why.
      ...(direction.kind === "none" && boot.kind !== "other" && { reason: direction.reason }),
    },
  };
}
