import type { Ipv4 } from "../../core/addresses.ts";
import {
  bytesOption,
  type DhcpOption,
  type DhcpPacket,
  getIpv4,
  getOption,
  getU8,
  ipv4Option,
  MESSAGE_TYPE,
  OPTION,
  u8Option,
} from "../../core/dhcp-packet/index.ts";
import { bootFileFields } from "../../core/pxe/boot-file.ts";
import { bootServerOptions, proxyOfferOptions } from "../../core/pxe/proxy-options.ts";
import type { DhcpProxyConfig } from "../config/model.ts";
import { reasonForSilence } from "./audience.ts";
import type { BootDirection, BootDirections } from "./boot-directions.ts";
import { clientEvent } from "./client-event.ts";
import { type DhcpClient, identifyClient } from "./client.ts";
import type { Arrival } from "./inbox.ts";
import { type Destination, type Outcome, silent } from "./outcome.ts";
import { readRelayAgent } from "./relay-agent.ts";
import { addressed, echoedClientIdentifier, maxReplyBytes } from "./reply.ts";
import type { Reservations } from "./reservations.ts";
import { NO_ADDRESS } from "./subnet.ts";

/** All that decides on a proxy's reply, beside the packet and the time. */
export type ProxyContext = {
  readonly config: Pick<DhcpProxyConfig, "answer" | "vendorClasses" | "port" | "clientPort">;
  /** The interface's largest IP packet in bytes. */
  readonly mtu: number;
  readonly serverAddress: Ipv4;
  readonly reservations: Reservations;
  readonly boot: BootDirections;
};

/**
 * Decides what a proxyDHCP server says (PXE 2.1, section 2): beside another
 * server's OFFER one that holds boot directions and no address, and the answer
 * of the boot server on port 4011, which firmware asks after its lease.
 *
 * @param now milliseconds since the epoch
 */
export function handleAsProxy(
  packet: DhcpPacket,
  arrival: Pick<Arrival, "service" | "source">,
  context: ProxyContext,
  now: number,
): Outcome {
  const client = identifyClient(packet);
  if (client === undefined) return silent("no-hardware-address");
  const type = getU8(packet, OPTION.MESSAGE_TYPE) ?? 0;
  const isBootService = arrival.service === "boot";
  if (!isBootService && type === MESSAGE_TYPE.REQUEST) return overheard(packet, client, context);
  // On 4011 iPXE and EDK2 send REQUEST; some ROMs send INFORM there, and discover.
  const isQuestion =
    type === MESSAGE_TYPE.DISCOVER ||
    (isBootService && (type === MESSAGE_TYPE.REQUEST || type === MESSAGE_TYPE.INFORM));
  if (!isQuestion) return silent("not-for-a-proxy");
  // A proxy has nothing to say to a client that boots by itself, nor without its architecture (option 93).
  const hasArch = getOption(packet, OPTION.CLIENT_SYSTEM_ARCHITECTURE) !== undefined;
  if (client.boot.kind === "other" || !isBootVendorClass(client) || !hasArch) return silent("no-boot-client");
  const unanswered = reasonForSilence(client, context.config, context.reservations);
  if (unanswered !== null) return silent(unanswered);

  const direction = context.boot.choose(client, now);
  if (direction.kind === "none") return silent(direction.reason);
  if (isBootService) context.boot.followed(client, direction, now);
  return {
    kind: "reply",
    packet: isBootService
      ? bootServerReply(packet, client, direction, context)
      : proxyOffer(packet, client, direction, context),
    maxBytes: maxReplyBytes(packet, context.mtu),
    destination: isBootService ? askerOf(packet, arrival, context) : offereeOf(packet, context),
    changes: [],
    event: clientEvent(isBootService ? "acknowledged" : "offered", client, null, direction, { proxy: true }),
  };
}

/** iPXE may call itself one by option 77 or 175 alone: then it does not ask for a proxy. */
function isBootVendorClass({ boot }: DhcpClient): boolean {
  return boot.vendorClass?.startsWith("PXEClient") || boot.vendorClass?.startsWith("HTTPClient") || false;
}

/** A client took some server's offer: what it was told here is as good as followed. */
function overheard(packet: DhcpPacket, client: DhcpClient, { serverAddress }: ProxyContext): Outcome {
  const server = getIpv4(packet, OPTION.SERVER_IDENTIFIER);
  if (server === undefined || server === serverAddress) return silent("not-for-a-proxy");
  return silent("address-from-other-server", { server });
}

/** P23: no address, no times, no network: the other server gives those. */
function proxyOffer(
  packet: DhcpPacket,
  client: DhcpClient,
  direction: BootDirection,
  context: ProxyContext,
): DhcpPacket {
  return bootReply(MESSAGE_TYPE.OFFER, packet, direction, context, proxyOfferOptions(packet, client.boot));
}

function bootServerReply(
  packet: DhcpPacket,
  client: DhcpClient,
  direction: BootDirection,
  context: ProxyContext,
): DhcpPacket {
  const reply = bootReply(
    MESSAGE_TYPE.ACK,
    packet,
    direction,
    context,
    bootServerOptions(packet, client.boot),
  );
  return { ...reply, ciaddr: packet.ciaddr };
}

function bootReply(
  type: number,
  packet: DhcpPacket,
  direction: BootDirection,
  { serverAddress }: ProxyContext,
  vendorOptions: readonly DhcpOption[],
): DhcpPacket {
  const boot =
    direction.kind === "none" ? { file: "", options: [] } : bootFileFields(direction, serverAddress);
  const information = readRelayAgent(packet)?.information ?? null;
  return {
    ...addressed(packet),
    siaddr: serverAddress,
    file: boot.file,
    options: [
      u8Option(OPTION.MESSAGE_TYPE, type),
      ipv4Option(OPTION.SERVER_IDENTIFIER, serverAddress),
      ...vendorOptions,
      ...boot.options,
      ...echoedClientIdentifier(packet),
      ...(information === null ? [] : [bytesOption(information.code, information.data)]),
    ],
  };
}

/** Through its agent, or by broadcast: the client has no address yet. */
function offereeOf({ giaddr }: DhcpPacket, { config }: ProxyContext): Destination {
  return giaddr === NO_ADDRESS
    ? { address: "255.255.255.255", port: config.clientPort }
    : { address: giaddr, port: config.port };
}

/** Back to where the question came from: EDK2 and iPXE ask from a port they listen on. */
function askerOf(
  packet: DhcpPacket,
  { source }: Pick<Arrival, "source">,
  context: ProxyContext,
): Destination {
  return source.address === NO_ADDRESS ? offereeOf(packet, context) : source;
}
