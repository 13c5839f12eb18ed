import { formatIpv4, parseIpv4, type Ipv4 } from "../../core/addresses.ts";
import {
  type DhcpOption,
  ipv4ListOption,
  ipv4Option,
  OPTION,
  textOption,
  u16Option,
  u32Option,
} from "../../core/dhcp-packet/index.ts";
import { parseNetwork } from "../config/addresses-schema.ts";
import type { AddressRange, SubnetConfig, SubnetSettings } from "../config/model.ts";
import type { InterfaceAddress, InterfaceInfo } from "../net/interfaces.ts";
import { DhcpConfigError } from "./errors.ts";

/** What a field of a packet holds for no address. */
export const NO_ADDRESS = "0.0.0.0";

/** Addresses in a row, as numbers, both ends included. */
export type Segment = { readonly first: number; readonly last: number };

/** A network and what of it may be given out. */
export type Subnet = {
  /** E.g. `192.168.77.0/24`. */
  readonly name: string;
  readonly settings: SubnetSettings;
  /** Our own address, by which its clients know us: option 54, siaddr. */
  readonly serverAddress: Ipv4;
  readonly netmask: Ipv4;
  readonly broadcast: Ipv4;
  /** Whether it is on the interface's own wire, rather than behind a relay agent. */
  readonly local: boolean;
  /** The ranges without what is excluded, in the order of their giving. */
  readonly segments: readonly Segment[];
  /** How many addresses those hold. */
  readonly size: number;
  /** The network's configuration for its clients, by code, in the order for one that does not say. */
  readonly options: ReadonlyMap<number, DhcpOption>;
  /** How long a lease lasts, and when to renew and to rebind it. */
  readonly times: readonly DhcpOption[];
  contains(address: Ipv4): boolean;
  inRange(address: Ipv4): boolean;
  /** Whether a host may have it: not the network's own, nor the broadcast address, nor that of a server we name. */
  assignable(address: Ipv4): boolean;
};

/**
 * The interface's own network, with the range of its configuration.
 *
 * @throws DhcpConfigError `range-outside-subnet`
 */
export function createSubnet(info: InterfaceInfo, settings: SubnetSettings): Subnet {
  const mask = parseIpv4(info.netmask)!;
  const network = (parseIpv4(info.address)! & mask) >>> 0;
  const subnet = describe({ first: network, mask, own: info, local: true }, settings);
  for (const range of settings.ranges) {
    const [first, last] = range.map((address) => parseIpv4(address) ?? NaN) as [number, number];
    if (range.every((address) => subnet.contains(address)) && first <= last) continue;
    throw new DhcpConfigError(
      "range-outside-subnet",
      `the range ${range.join(" to ")} does not lie in ${subnet.name}, the network of ${info.name}`,
    );
  }
  return subnet;
}

/** A further network: on the wire if the interface has an address in it, else behind a relay agent. */
export function createFurtherSubnet(info: InterfaceInfo, config: SubnetConfig): Subnet {
  const { first, mask } = parseNetwork(config.network)!;
  const own = info.others.find(({ address }) => (parseIpv4(address)! & mask) >>> 0 === first);
  return describe({ first, mask, own: own ?? info, local: own !== undefined }, config);
}

function describe(
  place: {
    readonly first: number;
    readonly mask: number;
    readonly own: InterfaceAddress;
    readonly local: boolean;
  },
  settings: SubnetSettings,
): Subnet {
  const { first, mask, own, local } = place;
  const last = (first | ~mask) >>> 0;
  const servers = [own.address, settings.router, ...settings.dns].flatMap((address) =>
    address === undefined ? [] : [parseIpv4(address)!],
  );
  const taken = new Set([first, last, ...servers]);
  const segments = subtract(settings.ranges.map(toSegment), settings.exclude.map(toSegment));
  const within = (address: Ipv4): number | undefined => {
    const value = parseIpv4(address);
    return value !== undefined && (value & mask) >>> 0 === first ? value : undefined;
  };
  return {
    name: `${formatIpv4(first)}/${32 - Math.log2(2 ** 32 - mask)}`,
    settings,
    serverAddress: own.address,
    netmask: formatIpv4(mask),
    broadcast: formatIpv4(last),
    local,
    segments,
    size: segments.reduce((sum, { first, last }) => sum + last - first + 1, 0),
    options: optionsOf(settings, formatIpv4(mask), formatIpv4(last)),
    times: timesOf(settings.leaseSeconds),
    contains: (address) => within(address) !== undefined,
    inRange: (address) => {
      const value = within(address);
      return value !== undefined && segments.some((each) => value >= each.first && value <= each.last);
    },
    assignable: (address) => {
      const value = within(address);
      return value !== undefined && !taken.has(value);
    },
  };
}

function toSegment([first, last]: AddressRange): Segment {
  return { first: parseIpv4(first) ?? NaN, last: parseIpv4(last) ?? NaN };
}

/** Of two options of one code, the one configured by its name counts. */
function optionsOf(settings: SubnetSettings, netmask: Ipv4, broadcast: Ipv4): Map<number, DhcpOption> {
  const { router, dns, domain, ntp, mtu, options } = settings;
  const all = [
    ipv4Option(OPTION.SUBNET_MASK, netmask),
    ...(router === undefined ? [] : [ipv4Option(OPTION.ROUTER, router)]),
    ...(dns.length === 0 ? [] : [ipv4ListOption(OPTION.DOMAIN_NAME_SERVER, dns)]),
    ...(domain === undefined ? [] : [textOption(OPTION.DOMAIN_NAME, domain)]),
    ...(mtu === undefined ? [] : [u16Option(OPTION.INTERFACE_MTU, mtu)]),
    ipv4Option(OPTION.BROADCAST_ADDRESS, broadcast),
    ...(ntp.length === 0 ? [] : [ipv4ListOption(OPTION.NTP_SERVERS, ntp)]),
    ...options,
  ];
  const byCode = new Map<number, DhcpOption>();
  for (const option of all) if (!byCode.has(option.code)) byCode.set(option.code, option);
  return byCode;
}

function timesOf(leaseSeconds: number): DhcpOption[] {
  return [
    u32Option(OPTION.IP_ADDRESS_LEASE_TIME, leaseSeconds),
    // RFC 2131 section 4.4.5: half, and seven eighths of it.
    u32Option(OPTION.RENEWAL_TIME, Math.floor(leaseSeconds / 2)),
    u32Option(OPTION.REBINDING_TIME, Math.floor((leaseSeconds * 7) / 8)),
  ];
}

function subtract(segments: readonly Segment[], holes: readonly Segment[]): Segment[] {
  let left = [...segments];
  for (const hole of holes) {
    left = left.flatMap((segment) => {
      if (hole.last < segment.first || hole.first > segment.last) return [segment];
      const before = { first: segment.first, last: hole.first - 1 };
      const after = { first: hole.last + 1, last: segment.last };
      return [before, after].filter(({ first, last }) => first <= last);
    });
  }
  return left;
}
