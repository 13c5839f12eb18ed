import type { Logger } from "pino";

import { parseIpv4, type Ipv4 } from "../core/addresses.ts";
import type { EventSink } from "../core/relay-protocol/events.ts";
import type { BootFileAvailability } from "./boot-file-availability.ts";
import type { DhcpConfig, RelayConfig } from "./config/model.ts";
import type { SiteReader } from "./dhcp/reservations.ts";
import { createDhcpServer } from "./dhcp/server.ts";
import type { ObserveClient } from "./http/observe-client.ts";
import type { LeaseStore } from "./leases/lease-store.ts";
import type { InterfaceInfo } from "./net/interfaces.ts";
import { createTftpServer } from "./tftp/server.ts";

/** What an interface's services share with the rest of the relay. */
export type InterfaceServicesOptions = {
  readonly config: Pick<RelayConfig, "tftp" | "bootFiles">;
  readonly dhcp: DhcpConfig;
  readonly info: InterfaceInfo;
  /** Where HTTP is answered on this interface. */
  readonly httpPort: number;
  readonly leases: LeaseStore;
  readonly site: SiteReader;
  readonly bootFiles: BootFileAvailability;
  readonly observe: ObserveClient;
  readonly onEvent: EventSink;
  readonly log: Logger;
};

/** Takes what ends a part that was started; called in the opposite order. */
export type OnStop = (step: () => void | Promise<void>) => void;

/**
 * Starts TFTP on an interface's address and then DHCP on the interface, which
 * sends clients to the former.
 *
 * @throws PxedgeError (TftpError, DhcpConfigError, NetError)
 */
export async function startInterfaceServices(
  options: InterfaceServicesOptions,
  onStop: OnStop,
): Promise<void> {
  const { config, dhcp, info, observe, log, onEvent } = options;
  const tftp = createTftpServer({
    root: config.tftp.root,
    address: info.address,
    port: config.tftp.port,
    mtuBytes: info.mtu,
    onEvent,
    macOf: (ip) => observe(ip, info.name).mac,
    isServed: (ip) => isInSubnet(ip, info),
    log,
  });
  await tftp.start();
  onStop(() => tftp.stop());
  if (dhcp.mode === "off") return;

  const server = createDhcpServer({
    config: dhcp,
    interface: info,
    httpPort: options.httpPort,
    bootFiles: config.bootFiles,
    bootFileAvailable: (file) => options.bootFiles.available(file),
    leases: options.leases,
    site: options.site,
    onEvent,
    log,
    now: Date.now,
  });
  await server.start();
  onStop(() => server.stop());
}

function isInSubnet(ip: Ipv4, { address, netmask }: InterfaceInfo): boolean {
  const mask = parseIpv4(netmask)!;
  return ((parseIpv4(ip)! ^ parseIpv4(address)!) & mask) === 0;
}
