import type { Socket } from "node:dgram";
import { once } from "node:events";
import { formatMac } from "../../core/addresses.ts";
import { decode, DecodeError, type DhcpPacket, encode } from "../../core/dhcp-packet/index.ts";
import type { EventSink } from "../../core/relay-protocol/events.ts";
import type { BootFiles } from "../../core/relay-protocol/state.ts";
import type { DhcpServerConfig } from "../config/model.ts";
import type { LeaseStore } from "../leases/lease-store.ts";
import { openDeviceSocket } from "../net/device-socket.ts";
import type { InterfaceInfo } from "../net/interfaces.ts";
import { AddressPool } from "./address-pool.ts";
import { BootDirections } from "./boot-directions.ts";
import { type EngineContext, handle } from "./engine.ts";
import type { DhcpLog } from "./log.ts";
import { Offers } from "./offers.ts";
import type { Outcome } from "./outcome.ts";
import { Reservations, type SiteReader } from "./reservations.ts";
import { SampledEvents } from "./sampled-events.ts";
import { createSubnet } from "./subnet.ts";

export type DhcpServerOptions = {
  readonly config: DhcpServerConfig;
  readonly interface: InterfaceInfo;
  /** Where the relay's HTTP is, for the URLs that iPXE and HTTP boot get. */
  readonly httpPort: number;
  /** As configured; the site's and the machine's own come before them. */
  readonly bootFiles: BootFiles;
  /** Whether a boot file is there to be served; must not block. */
  readonly bootFileAvailable: (file: string) => boolean;
  readonly leases: LeaseStore;
  readonly site: SiteReader;
  readonly onEvent: EventSink;
  readonly log: DhcpLog;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
};

/** Counters since the start. */
type DhcpServerStats = {
  received: number;
  /** No DHCP request at all: dropped before anything is made of it. */
  malformed: number;
  /** Dropped unread: more came than could be answered. */
  overflowed: number;
  offered: number;
  acknowledged: number;
  refused: number;
  informed: number;
  declined: number;
  released: number;
  ignored: number;
  /** Replies that could not be made durable, encoded or sent. */
  failed: number;
};

export type DhcpServer = {
  /** @throws NetError when the socket cannot be had */
  start(): Promise<void>;
  /** What was received but not answered yet is dropped. Not to be started again. */
  stop(): Promise<void>;
  readonly stats: Readonly<DhcpServerStats>;
};

/** Datagrams held for the next turn; each is answered in well under a millisecond. */
const MAX_QUEUED = 1024;

const FAILURE_LOG_MS = 10_000;

/**
 * A DHCP server for one interface's own network.
 *
 * What arrives in one turn of the event loop is decided one by one, its leases
 * are committed in one transaction, and only then do the replies leave. So an
 * acknowledged lease is durable, and a burst costs one write to the disk.
 *
 * @throws DhcpConfigError `range-outside-subnet`
 */
export function createDhcpServer(options: DhcpServerOptions): DhcpServer {
  const { config, leases, log, now } = options;
  const device = options.interface.name;
  const context = createContext(options);
  const sampled = new SampledEvents(options.onEvent);
  const stats = noStats();
  /** When each kind of failure was logged last: a dead link fails every packet alike. */
  const failureTold = new Map<string, number>();
  let socket: Socket | undefined;
  let queue: Uint8Array[] = [];

  function receive(datagram: Uint8Array): void {
    stats.received += 1;
    if (queue.length === 0) setImmediate(drain);
    if (queue.length >= MAX_QUEUED) {
      // The oldest: its client has given up on it first.
      queue.shift();
      stats.overflowed += 1;
    }
    queue.push(datagram);
  }

  function drain(): void {
    const datagrams = queue;
    queue = [];
    const outcomes: Outcome[] = [];
    for (const datagram of datagrams) {
      try {
        const outcome = decide(datagram);
        if (outcome !== undefined) outcomes.push(outcome);
      } catch (error) {
        fail(error, "a packet could not be handled");
      }
    }
    const durable = commit();
    for (const outcome of outcomes) {
      if (outcome.changes.length > 0 && !durable) stats.failed += 1;
      else conclude(outcome);
    }
  }

  function decide(datagram: Uint8Array): Outcome | undefined {
    const packet = readRequest(datagram);
    if (packet === undefined) return undefined;
    const outcome = handle(packet, context, now());
    // Shown to the next packet of this turn already.
    for (const change of outcome.changes) leases.stage(change);
    if (outcome.kind === "reply" || outcome.event !== null) return outcome;
    stats.ignored += 1;
    const mac = packet.chaddr.length === 0 ? null : formatMac(packet.chaddr);
    ignore(outcome.reason === "pool-exhausted" ? "pool-exhausted" : "ignored", outcome.reason, mac);
    return undefined;
  }

  /** Never throws; what is not a request is counted and dropped. */
  function readRequest(datagram: Uint8Array): DhcpPacket | undefined {
    try {
      const packet = decode(datagram);
      if (packet.op === 1) return packet;
      stats.malformed += 1;
      ignore("ignored", "not-a-request", null);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      stats.malformed += 1;
      ignore("ignored", error.code, null);
    }
    return undefined;
  }

  function ignore(name: "ignored" | "pool-exhausted", reason: string, mac: string | null): void {
    const told = sampled.report(name, reason, mac, now());
    if (!told) return;
    if (name === "pool-exhausted")
      log.warn({ interface: device, mac, range: config.range }, "no free address");
    else log.debug({ interface: device, mac, reason }, "DHCP packet ignored");
  }

  function commit(): boolean {
    try {
      leases.commit();
      return true;
    } catch (error) {
      fail(error, "leases could not be written, so they are not acknowledged");
      return false;
    }
  }

  function conclude(outcome: Outcome): void {
    const { event } = outcome;
    if (outcome.kind === "reply" && !send(outcome)) return;
    if (event === null) return;
    stats[event.name as keyof DhcpServerStats] += 1;
    const level = event.name === "refused" || event.name === "declined" ? "info" : "debug";
    log[level]({ interface: device, mac: event.mac, ...event.detail }, `DHCP ${event.name}`);
    options.onEvent(event);
  }

  /** Returns whether the reply was handed to the kernel. */
  function send({ packet, maxBytes, destination }: Extract<Outcome, { kind: "reply" }>): boolean {
    try {
      socket?.send(encode(packet, { maxBytes }), destination.port, destination.address, (error) => {
        if (error) fail(error, "a reply could not be sent");
      });
      return socket !== undefined;
    } catch (error) {
      fail(error, "a reply could not be encoded");
      return false;
    }
  }

  function fail(error: unknown, message: string): void {
    stats.failed += 1;
    const at = now();
    if (at < (failureTold.get(message) ?? -Infinity) + FAILURE_LOG_MS) return;
    failureTold.set(message, at);
    log.error({ interface: device, err: error, failed: stats.failed }, message);
  }

  return {
    stats,
    // Async, so that what is thrown is a rejection.
    async start() {
      socket = openDeviceSocket({ device, port: config.port });
      socket.on("message", receive);
      socket.on("error", (error) => fail(error, "the socket failed"));
      log.info({ interface: device, port: config.port, subnet: context.subnet.name }, "DHCP server started");
    },
    async stop() {
      const open = socket;
      if (open === undefined) return;
      socket = undefined;
      queue = [];
      open.close();
      await once(open, "close");
    },
  };
}

function createContext(options: DhcpServerOptions): EngineContext {
  const { config, leases, site } = options;
  const subnet = createSubnet(options.interface, config);
  const reservations = new Reservations(site);
  const offers = new Offers();
  return {
    subnet,
    config,
    mtu: options.interface.mtu,
    leases,
    offers,
    pool: new AddressPool({ subnet, leases, offers, reservations }),
    boot: new BootDirections({
      serverAddress: subnet.serverAddress,
      httpPort: options.httpPort,
      bootFiles: options.bootFiles,
      available: options.bootFileAvailable,
      site,
      reservations,
    }),
  };
}

function noStats(): DhcpServerStats {
  return {
    received: 0,
    malformed: 0,
    overflowed: 0,
    offered: 0,
    acknowledged: 0,
    refused: 0,
    informed: 0,
    declined: 0,
    released: 0,
    ignored: 0,
    failed: 0,
  };
}
