import { formatMac, type Mac, macBytes } from "../../core/addresses.ts";
import type { DhcpPacket } from "../../core/dhcp-packet/index.ts";
import type { EventSink } from "../../core/relay-protocol/events.ts";
import type { BootFiles } from "../../core/relay-protocol/state.ts";
import type { DhcpActiveConfig, DhcpProxyConfig, DhcpServerConfig } from "../config/model.ts";
import type { LeaseStore } from "../leases/lease-store.ts";
import type { InterfaceInfo } from "../net/interfaces.ts";
import { handle, QUARANTINE_MS } from "./engine.ts";
import { DhcpConfigError } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import type { Arrival } from "./inbox.ts";
import { Listener } from "./listener.ts";
import type { DhcpLog } from "./log.ts";
import { type Outcome, silent } from "./outcome.ts";
import type { OverheardClients } from "./overheard.ts";
import { Prober } from "./prober.ts";
import { handleAsProxy } from "./proxy.ts";
import type { Reservations, SiteReader } from "./reservations.ts";
import { canProbe, createProxyContext, createServerContext } from "./server-context.ts";
import { type DhcpServerStats, noStats } from "./server-stats.ts";
import { ServerWatch } from "./server-watch.ts";
import type { Subnet } from "./subnet.ts";

export type DhcpServerOptions = {
  readonly config: DhcpActiveConfig;
  readonly interface: InterfaceInfo;
  /** Where the relay's HTTP is, for the URLs that iPXE and HTTP boot get. */
  readonly httpPort: number;
  /** As configured; the site's and the machine's own come before them. */
  readonly bootFiles: BootFiles;
  /** Whether a boot file is there to be served; must not block. */
  readonly bootFileAvailable: (file: string) => boolean;
  readonly leases: LeaseStore;
  readonly site: SiteReader;
  /** Takes note of who takes which address from another server; for a proxy. */
  readonly overheard?: OverheardClients;
  readonly onEvent: EventSink;
  readonly log: DhcpLog;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Counted on, so that a server that is started anew goes on where the last one was. */
  readonly stats?: DhcpServerStats;
};

export type DhcpServer = {
  /** @throws NetError when the socket cannot be had */
  start(): Promise<void>;
  /** What was received but not answered yet is dropped. Not to be started again. */
  stop(): Promise<void>;
  readonly stats: Readonly<DhcpServerStats>;
  /** The networks that it gives addresses in: none as a proxy. */
  readonly subnets: readonly Subnet[];
};

/** What an interface does about requests, and what goes on beside them. */
type Role = {
  readonly handle: (packet: DhcpPacket, arrival: Arrival) => Outcome;
  readonly reservations: Reservations;
  readonly subnets: readonly Subnet[];
  /** Another DHCP server was seen. */
  readonly onServer: () => void;
  /** Before the first request is read. */
  readonly prepare: (exchange: Exchange) => Promise<void>;
  readonly stop: () => void;
  /** Now and then. */
  readonly tidy: () => void;
};

const TIDY_MS = 10_000;

/** Where a client's hardware address is (RFC 2131 section 2). */
const CHADDR_AT = 28;

/**
 * DHCP for one interface: a server for its networks, or a proxy beside the
 * site's own server.
 *
 * @throws DhcpConfigError `range-outside-subnet`, `networks-contradict`
 */
export function createDhcpServer(options: DhcpServerOptions): DhcpServer {
  const { config, log, now, interface: info } = options;
  if (config.mode === "refused") {
    throw new DhcpConfigError("networks-contradict", config.problems.join("\n"));
  }
  const device = info.name;
  const stats = options.stats ?? noStats();
  const role = config.mode === "server" ? serverRole(options, config, stats) : proxyRole(options, config);
  const ownHardware = canProbe(info.mac) ? macBytes(info.mac) : undefined;
  const exchange = new Exchange({
    device,
    handle: (packet, arrival) => {
      const outcome = role.handle(packet, arrival);
      const server = outcome.kind === "silent" ? outcome.detail["server"] : undefined;
      if (typeof server === "string") watch.note(server);
      return outcome;
    },
    isKnown: (bytes) => role.reservations.machine(chaddrOf(bytes)) !== undefined,
    leases: options.leases,
    send: (service, bytes, destination) => listener.send(service, bytes, destination),
    flush: () => listener.flush(),
    stats,
    onEvent: options.onEvent,
    log,
    now,
  });
  const onError = (error: unknown, message: string): void => exchange.fail(error, message);
  const listener = new Listener({
    device,
    ports: { dhcp: config.port, ...(config.mode !== "server" && { boot: config.bootPort }) },
    onDatagram: (bytes, service, source) => {
      // Broadcasts come back to who sends them: the question after other servers is no client's.
      if (isFrom(bytes, ownHardware)) return;
      exchange.receive(bytes, service, source);
    },
    onError,
  });
  const watch = new ServerWatch({
    mode: config.mode,
    config,
    interface: info,
    onServer: role.onServer,
    onEvent: options.onEvent,
    onError,
    log,
    now,
  });
  let tidying: NodeJS.Timeout | undefined;
  return {
    stats,
    subnets: role.subnets,
    async start() {
      await role.prepare(exchange);
      try {
        listener.start();
      } catch (error) {
        role.stop();
        throw error;
      }
      tidying = setInterval(() => role.tidy(), TIDY_MS).unref();
      // Nobody else is on the loopback.
      if (ownHardware !== undefined) watch.start();
      log.info({ interface: device, port: config.port, mode: config.mode }, "DHCP started");
    },
    async stop() {
      clearInterval(tidying);
      watch.stop();
      role.stop();
      exchange.clear();
      await listener.stop();
    },
  };
}

/** An Ethernet client's address, of a datagram not decoded yet. */
function chaddrOf(bytes: Uint8Array): Mac {
  return formatMac(bytes.subarray(CHADDR_AT, CHADDR_AT + 6));
}

function isFrom(bytes: Uint8Array, hardware: Uint8Array | undefined): boolean {
  return hardware !== undefined && hardware.every((byte, at) => bytes[CHADDR_AT + at] === byte);
}

function serverRole(options: DhcpServerOptions, config: DhcpServerConfig, stats: DhcpServerStats): Role {
  const { leases, log, now, onEvent, interface: info } = options;
  const context = createServerContext(options, config);
  const { networks, offers, reservations } = context;
  let prober: Prober | undefined;
  return {
    handle: (packet) => handle(packet, context, now()),
    reservations,
    subnets: networks.all.map(({ subnet }) => subnet),
    onServer: () => undefined,
    prepare: async (exchange) => {
      const probed = networks.all.filter(({ subnet }) => subnet.local);
      if (!config.probe || !canProbe(info.mac)) return;
      prober = new Prober({
        device: info.name,
        networks: probed,
        reservations,
        lastHolder: (address) => leases.byAddress(address)?.mac,
        onConflict: (address, mac) => {
          stats.conflicts += 1;
          log.warn(
            { interface: info.name, address, mac },
            "an address is used by somebody it was not given to",
          );
          leases.stage({ kind: "quarantine", quarantine: { address, until: now() + QUARANTINE_MS } });
          void exchange.commit();
          onEvent({ mac, stage: "dhcp", name: "conflict", detail: { address } });
        },
        onError: (error, message) => exchange.fail(error, message),
        now,
      });
      await prober.start();
    },
    stop: () => prober?.stop(),
    tidy: () => offers.expire(now()),
  };
}

function proxyRole(options: DhcpServerOptions, config: DhcpProxyConfig): Role {
  const context = createProxyContext(options, config);
  let active = config.mode === "proxy";
  return {
    handle: (packet, arrival) => {
      options.overheard?.note(packet, options.interface.name);
      // Also while it waits: what clients say tells of a server.
      const outcome = handleAsProxy(packet, arrival, context, options.now());
      return active || outcome.kind === "silent" ? outcome : silent("no-other-server");
    },
    reservations: context.reservations,
    subnets: [],
    onServer: () => {
      if (active) return;
      active = true;
      options.log.info(
        { interface: options.interface.name },
        "a DHCP server answers here: proxying beside it",
      );
    },
    prepare: async () => undefined,
    stop: () => undefined,
    tidy: () => undefined,
  };
}
