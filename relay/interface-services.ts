import type { Logger } from "pino";

import { parseIpv4, type Ipv4, type Mac } from "../core/addresses.ts";
import type { EventSink } from "../core/relay-protocol/events.ts";
import type { BootFileAvailability } from "./boot-file-availability.ts";
import type { DhcpConfig, RelayConfig } from "./config/model.ts";
import type { OverheardClients } from "./dhcp/overheard.ts";
import type { SiteReader } from "./dhcp/reservations.ts";
import { createDhcpServer } from "./dhcp/server.ts";
import type { Subnet } from "./dhcp/subnet.ts";
import type { HandleRequest } from "./http/handle-request.ts";
import type { ObserveClient } from "./http/observe-client.ts";
import { createInProcessClient } from "./http/in-process-client.ts";
import { startHttpServer, type HttpListener } from "./http/server.ts";
import type { LeaseStore } from "./leases/lease-store.ts";
import type { InterfaceInfo } from "./net/interfaces.ts";
import { StopStack } from "./stop-stack.ts";
import { createLoaderStore } from "./tftp/loader-store.ts";
import { createTftpServer } from "./tftp/server.ts";

/** What an interface's services share with the rest of the relay. */
export type InterfaceServicesOptions = {
  readonly config: Pick<RelayConfig, "tftp" | "http" | "bootFiles">;
  readonly dhcp: DhcpConfig;
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
  /** Never rejects. */
  stop(): Promise<void>;
  /** Where HTTP is answered, once it is. */
  readonly http: HttpListener | undefined;
  /** The networks that addresses are given in, once they are. */
  readonly subnets: readonly Subnet[] | undefined;
};

export function createInterfaceServices(options: InterfaceServicesOptions): InterfaceServices {
  const { config, dhcp, info, observe, log, onEvent } = options;
  const running = new StopStack(log);
  let http: HttpListener | undefined;
  let subnets: readonly Subnet[] | undefined;

  const startHttp = async (): Promise<void> => {
    const listener = { interface: info.name, address: info.address, port: config.http.port };
    const server = await startHttpServer(listener, options.handleRequest, log);
    http = server.listener;
    running.push(() => server.stop());
  };
  const startTftp = async (): Promise<void> => {
    const macOf = (ip: Ipv4): Mac | null => observe(ip, info.name).mac;
    const tftp = createTftpServer({
      root: config.tftp.root,
      virtualFiles: createLoaderStore({ http: createInProcessClient(options.handleForTftp, http!), macOf }),
      address: info.address,
      port: config.tftp.port,
      mtuBytes: info.mtu,
      onEvent,
      macOf,
      isServed: (ip) => isInSubnet(ip, info),
      log,
    });
    await tftp.start();
    running.push(() => tftp.stop());
  };
  const startDhcp = async (): Promise<void> => {
    if (dhcp.mode === "off") {
      subnets = [];
      return;
    }
    const server = createDhcpServer({
      config: dhcp,
      interface: info,
      httpPort: http!.port,
      bootFiles: config.bootFiles,
      bootFileAvailable: (file) => options.bootFiles.available(file),
      leases: options.leases,
      site: options.site,
      overheard: options.overheard,
      onEvent,
      log,
      now: Date.now,
    });
    await server.start();
    running.push(() => server.stop());
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
    stop: () => running.stop(),
    get http() {
      return http;
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
