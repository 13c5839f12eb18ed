import type { Logger } from "pino";

import { parseIpv4, type Ipv4, type Mac } from "../core/addresses.ts";
import type { EventSink } from "../core/relay-protocol/events.ts";
import type { BootFileAvailability } from "./boot-file-availability.ts";
import type { DhcpConfig, RelayConfig } from "./config/model.ts";
import type { OverheardClients } from "./dhcp/overheard.ts";
import type { SiteReader } from "./dhcp/reservations.ts";
import { createDhcpServer, type DhcpServer } from "./dhcp/server.ts";
import type { DhcpServerStats } from "./dhcp/server-stats.ts";
import type { Subnet } from "./dhcp/subnet.ts";
import type { HandleRequest } from "./http/handle-request.ts";
import type { ObserveClient } from "./http/observe-client.ts";
import { createInProcessClient } from "./http/in-process-client.ts";
import { startHttpServer, type HttpListener, type HttpServer } from "./http/server.ts";
import type { LeaseStore } from "./leases/lease-store.ts";
import type { InterfaceInfo } from "./net/interfaces.ts";
import { endPart } from "./stop-stack.ts";
import type { TftpCounts } from "./tftp/counts.ts";
import { createLoaderStore } from "./tftp/loader-store.ts";
import { createTftpServer, type TftpServer } from "./tftp/server.ts";

/** What of the configuration concerns one interface. */
export type InterfaceSettings = Pick<RelayConfig, "tftp" | "http" | "bootFiles"> & {
  readonly dhcp: DhcpConfig;
};

/** What is counted of an interface since the relay's start, however often it is served anew. */
export type InterfaceCounts = { readonly dhcp: DhcpServerStats; readonly tftp: TftpCounts };

/** What an interface's services share with the rest of the relay. */
export type InterfaceServicesOptions = {
  /** As they are just now. */
  readonly settings: () => InterfaceSettings;
  readonly counts: InterfaceCounts;
  /** Told how long each TFTP transfer of a whole file took. */
  readonly onTransfer: (seconds: number) => void;
  readonly info: InterfaceInfo;
  readonly handleRequest: HandleRequest;
  /** The same for what TFTP asks on behalf of its clients. */
  readonly handleForTftp: HandleRequest;
  readonly leases: LeaseStore;
  readonly site: SiteReader;
  readonly bootFiles: BootFileAvailability;
  readonly observe: ObserveClient;
  readonly overheard: OverheardClients;
  readonly onEvent: EventSink;
  readonly log: Logger;
  /** Milliseconds that go on evenly: leases last by them. */
  readonly now: () => number;
};

/** HTTP, TFTP and DHCP on one interface, as it is now. */
export type InterfaceServices = {
  /**
   * Starts what does not run yet, DHCP last, as it sends clients to the others.
   *
   * @throws PxedgeError (NetError, TftpError, DhcpConfigError): what was started before runs on, and
   *   another call tries the rest again
   */
  start(): Promise<void>;
  /** Stops DHCP, so that `start` starts it with the settings that there are then. */
  endDhcp(): Promise<void>;
  /** Never rejects. @param cut what is under way may go on until this aborts */
  stop(cut: AbortSignal): Promise<void>;
  /** Where HTTP is answered, once it is. */
  readonly http: HttpListener | undefined;
  /** The networks that addresses are given in, once they are. */
  readonly subnets: readonly Subnet[] | undefined;
  /** TFTP transfers under way. */
  readonly transfers: number;
};

export function createInterfaceServices(options: InterfaceServicesOptions): InterfaceServices {
  const { settings, counts, info, observe, log, onEvent } = options;
  let http: HttpServer | undefined;
  let tftp: TftpServer | undefined;
  let dhcp: DhcpServer | undefined;
  let subnets: readonly Subnet[] | undefined;

  const startHttp = async (): Promise<void> => {
    const listener = { interface: info.name, address: info.address, port: settings().http.port };
    http = await startHttpServer(listener, options.handleRequest, log);
  };
  const startTftp = async (): Promise<void> => {
    const macOf = (ip: Ipv4): Mac | null => observe(ip, info.name).mac;
    const client = createInProcessClient(options.handleForTftp, http!.listener);
    const { root, port } = settings().tftp;
    const server = createTftpServer({
      root,
      virtualFiles: createLoaderStore({ http: client, macOf }),
      address: info.address,
      port,
      mtuBytes: info.mtu,
      onEvent,
      macOf,
      isServed: (ip) => isInSubnet(ip, info),
      log,
      counts: counts.tftp,
      onSent: options.onTransfer,
    });
    await server.start();
    tftp = server;
  };
  const startDhcp = async (): Promise<void> => {
    const { dhcp: config, bootFiles } = settings();
    if (config.mode === "off") {
      subnets = [];
      return;
    }
    const server = createDhcpServer({
      config,
      interface: info,
      httpPort: http!.listener.port,
      bootFiles,
      bootFileAvailable: (file) => options.bootFiles.available(file),
      leases: options.leases,
      site: options.site,
      overheard: options.overheard,
      onEvent,
      log,
      now: options.now,
      stats: counts.dhcp,
    });
    await server.start();
    dhcp = server;
    subnets = server.subnets;
  };

  const toStart = [startHttp, startTftp, startDhcp];
  return {
    async start() {
      while (toStart.length > 0) {
        await toStart[0]!();
        toStart.shift();
      }
    },
    async endDhcp() {
      if (toStart.includes(startDhcp)) return;
      toStart.push(startDhcp);
      subnets = undefined;
      await endPart(async () => dhcp?.stop(), log);
      dhcp = undefined;
    },
    async stop(cut) {
      await endPart(async () => dhcp?.stop(), log);
      await Promise.all([
        endPart(async () => tftp?.stop(cut), log),
        endPart(async () => http?.stop(cut), log),
      ]);
    },
    get http() {
      return http?.listener;
    },
    get transfers() {
      return tftp?.stats().active ?? 0;
    },
    get subnets() {
      return subnets;
    },
  };
}

function isInSubnet(ip: Ipv4, { address, netmask }: InterfaceInfo): boolean {
  const mask = parseIpv4(netmask)!;
  return ((parseIpv4(ip)! ^ parseIpv4(address)!) & mask) === 0;
}
