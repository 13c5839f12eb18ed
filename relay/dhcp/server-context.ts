import type { Ipv4 } from "../../core/addresses.ts";
import type { DhcpProxyConfig, DhcpServerConfig } from "../config/model.ts";
import { AddressPool } from "./address-pool.ts";
import { BootDirections } from "./boot-directions.ts";
import type { EngineContext } from "./engine.ts";
import { Networks } from "./networks.ts";
import { Offers } from "./offers.ts";
import type { ProxyContext } from "./proxy.ts";
import { Reservations } from "./reservations.ts";
import type { DhcpServerOptions } from "./server.ts";
import { createFurtherSubnet, createSubnet } from "./subnet.ts";

/** @throws DhcpConfigError `range-outside-subnet` */
export function createServerContext(options: DhcpServerOptions, config: DhcpServerConfig): EngineContext {
  const { leases, interface: info } = options;
  const reservations = new Reservations(options.site);
  const offers = new Offers();
  const { probe, leasesPerPort } = config;
  const subnets = [
    createSubnet(info, config),
    ...config.subnets.map((each) => createFurtherSubnet(info, each)),
  ];
  const networks = new Networks(
    subnets.map((subnet) => {
      const probed = probe && subnet.local && canProbe(info.mac);
      return {
        subnet,
        pool: new AddressPool({ subnet, leases, offers, reservations, probed, leasesPerPort }),
      };
    }),
  );
  const boot = createBootDirections(options, reservations, subnets[0]!.serverAddress);
  return { config, mtu: info.mtu, networks, leases, offers, reservations, boot };
}

export function createProxyContext(options: DhcpServerOptions, config: DhcpProxyConfig): ProxyContext {
  const { interface: info } = options;
  const reservations = new Reservations(options.site);
  const boot = createBootDirections(options, reservations, info.address);
  return { config, mtu: info.mtu, serverAddress: info.address, reservations, boot };
}

/** The loopback has no hardware address, and nobody there answers ARP. */
export function canProbe(mac: string): boolean {
  return mac !== "00:00:00:00:00:00";
}

function createBootDirections(
  options: DhcpServerOptions,
  reservations: Reservations,
  serverAddress: Ipv4,
): BootDirections {
  return new BootDirections({
    serverAddress,
    httpPort: options.httpPort,
    bootFiles: options.bootFiles,
    available: options.bootFileAvailable,
    site: options.site,
    reservations,
  });
}
