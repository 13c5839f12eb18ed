import type { Ipv4 } from "../../core/addresses.ts";
import { type DhcpPacket, getIpv4, getU8, MESSAGE_TYPE, OPTION } from "../../core/dhcp-packet/index.ts";
import type { DhcpServerConfig } from "../config/model.ts";
import { isLive, type Lease } from "../leases/lease.ts";
import type { LeaseReader } from "./address-pool.ts";
import { reasonForSilence } from "./audience.ts";
import type { BootDirections } from "./boot-directions.ts";
import { clientEvent } from "./client-event.ts";
import { type DhcpClient, identifyClient } from "./client.ts";
import type { Networks, ServedNetwork } from "./networks.ts";
import { OFFER_MS, type Offers } from "./offers.ts";
import { type Destination, type Outcome, silent } from "./outcome.ts";
import { readRelayAgent, type RelayAgent } from "./relay-agent.ts";
import { informReply, leaseReply, maxReplyBytes, nakReply } from "./reply.ts";
import { addressNamed, judgeRequest } from "./request.ts";
import type { Reservations } from "./reservations.ts";
import { NO_ADDRESS } from "./subnet.ts";

/** All that decides on a reply, beside the packet and the time. */
export type EngineContext = {
  readonly config: Pick<
    DhcpServerConfig,
    "answer" | "vendorClasses" | "authoritative" | "port" | "clientPort"
  >;
  /** The interface's largest IP packet in bytes. */
  readonly mtu: number;
  readonly networks: Networks;
  readonly leases: LeaseReader;
  readonly offers: Offers;
  readonly reservations: Reservations;
  readonly boot: BootDirections;
};

/** How long nobody gets an address that somebody else was found to use. */
export const QUARANTINE_MS = 60 * 60_000;

/** A client's message with what was read of it. */
type Message = {
  readonly packet: DhcpPacket;
  readonly client: DhcpClient;
  readonly agent: RelayAgent | undefined;
  /** The networks that the client may be in; at least one. */
  readonly networks: readonly ServedNetwork[];
  readonly now: number;
};

/**
 * Decides what comes of one request (RFC 2131 section 4.3), with no I/O:
 * leases are read here and changed by whoever carries the outcome out. Of the
 * context, the offers and the pools' places are its own memory.
 *
 * @param now milliseconds since the epoch
 */
export function handle(packet: DhcpPacket, context: EngineContext, now: number): Outcome {
  const client = identifyClient(packet);
  if (client === undefined) return silent("no-hardware-address");
  const agent = readRelayAgent(packet);
  const networks = context.networks.of(packet, agent);
  if (networks.length === 0) return silent("unknown-network");
  const message = { packet, client, agent, networks, now };
  const type = getU8(packet, OPTION.MESSAGE_TYPE) ?? 0;
  // Who gives an address back is heard in any case.
  if (type === MESSAGE_TYPE.DECLINE) return decline(message, context);
  if (type === MESSAGE_TYPE.RELEASE) return release(message, context);
  const unanswered = reasonForSilence(client, context.config, context.reservations);
  if (unanswered !== null) return silent(unanswered);
  switch (type) {
    case MESSAGE_TYPE.DISCOVER:
      return discover(message, context);
    case MESSAGE_TYPE.REQUEST:
      return request(message, context);
    case MESSAGE_TYPE.INFORM:
      return inform(message, context);
    default:
      return silent("no-client-message");
  }
}

function discover(message: Message, context: EngineContext): Outcome {
  const { packet, client, agent, now } = message;
  const port = agent?.port ?? null;
  const requested = getIpv4(packet, OPTION.REQUESTED_IP_ADDRESS);
  let reason: "pool-exhausted" | "port-limit" = "pool-exhausted";
  for (const { subnet, pool } of byPreference(message, requested, context)) {
    const choice = pool.choose(client, requested, port, now);
    if (choice.kind === "none") {
      reason = choice.reason;
      continue;
    }
    const { address } = choice;
    const { key, mac, speaker } = client;
    context.offers.hold({ key, mac, speaker, address, port, expiresAt: now + OFFER_MS });
    const direction = context.boot.choose(client, now);
    return {
      kind: "reply",
      packet: leaseReply(MESSAGE_TYPE.OFFER, packet, client, address, direction, { subnet, agent }),
      maxBytes: maxReplyBytes(packet, context.mtu),
      destination: destinationOf(packet, context),
      changes: [],
      event: clientEvent("offered", client, address, direction),
    };
  }
  return silent(reason);
}

/** Of several networks on a wire, the one that the client has to do with first. */
function byPreference(
  { client, networks, now }: Message,
  requested: Ipv4 | undefined,
  { reservations }: EngineContext,
): readonly ServedNetwork[] {
  if (networks.length === 1) return networks;
  const reserved = reservations.machine(client.mac)?.address;
  const score = ({ subnet, pool }: ServedNetwork): number => {
    if (reserved !== undefined && subnet.contains(reserved)) return 3;
    if (pool.ownLeases(client).some((lease) => isLive(lease, now))) return 2;
    return requested !== undefined && subnet.contains(requested) ? 1 : 0;
  };
  return networks.toSorted((a, b) => score(b) - score(a));
}

function request(message: Message, context: EngineContext): Outcome {
  const { packet, client, agent, networks, now } = message;
  const named = addressNamed(packet);
  const { subnet, pool } =
    networks.find((each) => named !== undefined && each.subnet.contains(named)) ?? networks[0]!;
  const verdict = judgeRequest(
    packet,
    client,
    {
      subnet,
      pool,
      isOwnServer: (address) => context.networks.isOwn(address, agent),
      authoritative: context.config.authoritative,
      port: agent?.port ?? null,
    },
    now,
  );
  if (verdict.kind === "silent") {
    if (verdict.reason === "other-server-chosen") {
      context.offers.withdraw(client.key);
      pool.freed();
      return silent(verdict.reason, { server: getIpv4(packet, OPTION.SERVER_IDENTIFIER) ?? null });
    }
    return silent(verdict.reason);
  }
  const { address } = verdict;
  const maxBytes = maxReplyBytes(packet, context.mtu);
  if (verdict.kind === "nak") {
    return {
      kind: "reply",
      packet: nakReply(packet, { subnet, agent }, verdict.reason),
      maxBytes,
      // The client's address is what is wrong: never to ciaddr.
      destination: agent === undefined ? broadcast(context) : toAgent(agent, context),
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
    packet: leaseReply(MESSAGE_TYPE.ACK, packet, client, address, direction, { subnet, agent }),
    maxBytes,
    destination: destinationOf(packet, context),
    changes: [{ kind: "bind", lease: leaseFor(message, address, subnet) }],
    event: clientEvent("acknowledged", client, address, direction),
  };
}

function decline(message: Message, context: EngineContext): Outcome {
  const { packet, client, now } = message;
  const lease = heldLease(message, getIpv4(packet, OPTION.REQUESTED_IP_ADDRESS), context);
  if (lease === undefined) return silent("not-the-holder");
  return {
    kind: "silent",
    reason: "declined",
    detail: {},
    changes: [{ kind: "quarantine", quarantine: { address: lease.address, until: now + QUARANTINE_MS } }],
    event: { mac: client.mac, stage: "dhcp", name: "declined", detail: { address: lease.address } },
  };
}

function release(message: Message, context: EngineContext): Outcome {
  const { packet, client, networks, now } = message;
  const lease = heldLease(message, packet.ciaddr, context);
  if (lease === undefined) return silent("not-the-holder");
  for (const { pool } of networks) pool.freed();
  return {
    kind: "silent",
    reason: "released",
    detail: {},
    changes: [{ kind: "release", address: lease.address, at: now }],
    event: { mac: client.mac, stage: "dhcp", name: "released", detail: { address: lease.address } },
  };
}

function inform(message: Message, context: EngineContext): Outcome {
  const { packet, client, agent, networks, now } = message;
  const { ciaddr } = packet;
  const network = networks.find(({ subnet }) => ciaddr === NO_ADDRESS || subnet.contains(ciaddr));
  if (network === undefined) return silent("not-in-subnet");
  const direction = context.boot.choose(client, now);
  return {
    kind: "reply",
    packet: informReply(packet, client, direction, { subnet: network.subnet, agent }),
    maxBytes: maxReplyBytes(packet, context.mtu),
    destination: destinationOf(packet, context),
    changes: [],
    event: clientEvent("informed", client, ciaddr, direction),
  };
}

/**
 * The live lease that a client gives back. Client and hardware must both be
 * the holder's, and option 54 ours, so that nobody gives back another's.
 */
function heldLease(
  { packet, client, agent, now }: Message,
  address: Ipv4 | undefined,
  context: EngineContext,
): Lease | undefined {
  const server = getIpv4(packet, OPTION.SERVER_IDENTIFIER);
  if (address === undefined || (server !== undefined && !context.networks.isOwn(server, agent))) {
    return undefined;
  }
  const lease = context.leases.byAddress(address);
  if (lease === undefined || !isLive(lease, now)) return undefined;
  return lease.clientKey === client.key && lease.mac === client.mac ? lease : undefined;
}

function leaseFor({ client, agent, now }: Message, address: Ipv4, subnet: ServedNetwork["subnet"]): Lease {
  return {
    address,
    subnet: subnet.name,
    clientKey: client.key,
    mac: client.mac,
    speaker: client.speaker,
    hostname: client.hostname,
    port: agent?.port ?? null,
    state: "bound",
    expiresAt: now + subnet.settings.leaseSeconds * 1000,
  };
}

/**
 * RFC 2131 section 4.1. A client that has no address yet does not answer ARP,
 * so it is reached by broadcast, whatever its flags say.
 */
function destinationOf(packet: DhcpPacket, context: EngineContext): Destination {
  if (packet.giaddr !== NO_ADDRESS) return { address: packet.giaddr, port: context.config.port };
  if (packet.ciaddr === NO_ADDRESS) return broadcast(context);
  return { address: packet.ciaddr, port: context.config.clientPort };
}

/** Agents listen on the server's port. */
function toAgent({ giaddr }: RelayAgent, { config }: EngineContext): Destination {
  return { address: giaddr, port: config.port };
}

function broadcast({ config }: EngineContext): Destination {
  return { address: "255.255.255.255", port: config.clientPort };
}
