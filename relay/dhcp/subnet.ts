import { formatIpv4, parseIpv4, type Ipv4 } from "../../core/addresses.ts";
import type { DhcpServerConfig } from "../config/model.ts";
import type { InterfaceInfo } from "../net/interfaces.ts";
import { DhcpConfigError } from "./errors.ts";

/** The network of an interface and what of it may be given out. */
export type Subnet = {
  /** E.g. `192.168.77.0/24`. */
  readonly name: string;
  /** Our own address in it: option 54, siaddr. */
  readonly serverAddress: Ipv4;
  readonly netmask: Ipv4;
  readonly broadcast: Ipv4;
  /** First and last address of the range as numbers. */
  readonly first: number;
  readonly last: number;
  contains(address: Ipv4): boolean;
  inRange(address: Ipv4): boolean;
  /** Whether a host may have it: not the network's own, nor the broadcast address, nor that of a server we name. */
  assignable(address: Ipv4): boolean;
};

/**
 * Takes the network from the interface and the range from its configuration.
 *
 * @throws DhcpConfigError `range-outside-subnet`
 */
export function createSubnet(info: InterfaceInfo, config: DhcpServerConfig): Subnet {
  const mask = parseIpv4(info.netmask)!;
  const network = (parseIpv4(info.address)! & mask) >>> 0;
  const contains = (address: Ipv4): boolean => {
    const value = parseIpv4(address);
    return value !== undefined && (value & mask) >>> 0 === network;
  };
  const name = `${formatIpv4(network)}/${32 - Math.log2(2 ** 32 - mask)}`;
  const [first, last] = config.range.map((address) => parseIpv4(address) ?? NaN) as [number, number];
  if (!config.range.every(contains) || first > last) {
    throw new DhcpConfigError(
      `the range ${config.range.join(" to ")} does not lie in ${name}, the network of ${info.name}`,
    );
  }
  const taken = new Set([formatIpv4(network), info.broadcast, info.address, config.router, ...config.dns]);
  return {
    name,
    serverAddress: info.address,
    netmask: info.netmask,
    broadcast: info.broadcast,
    first,
    last,
    contains,
    inRange: (address) => {
      const value = parseIpv4(address);
      return value !== undefined && value >= first && value <= last;
    },
    assignable: (address) => contains(address) && !taken.has(address),
  };
}
