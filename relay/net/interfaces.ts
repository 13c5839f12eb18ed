import { readFileSync } from "node:fs";
import { formatIpv4, formatMac, parseIpv4, type Ipv4, type Mac } from "../../core/addresses.ts";
import { NetError } from "./errors.ts";
import { hardwareAddress, interfaceIndex } from "./libc.ts";
import { listLinkAddresses, type LinkAddress } from "./netlink.ts";

/** An address of an interface and the network it lies in. */
export type InterfaceAddress = {
  readonly address: Ipv4;
  readonly netmask: Ipv4;
  readonly broadcast: Ipv4;
};

/** One interface of this host as a server on it needs to know it, by its first address. */
export type InterfaceInfo = InterfaceAddress & {
  readonly name: string;
  /** The kernel's number for it, another one each time that it is made anew. */
  readonly index: number;
  /** Its further addresses. */
  readonly others: readonly InterfaceAddress[];
  /** Largest IP packet in bytes. */
  readonly mtu: number;
  readonly mac: Mac;
};

/** Where sysfs cannot tell: Ethernet's, so that no reply is larger than any LAN carries. */
const ETHERNET_MTU = 1500;

/** What an interface without an Ethernet address has instead. */
const NO_MAC = new Uint8Array(6);

/**
 * Reads an interface's IPv4 addresses and link facts, with or without a
 * carrier.
 *
 * @throws NetError `no-such-interface` (naming those that exist), `no-address`
 */
export function readInterface(name: string): InterfaceInfo {
  const index = interfaceIndex(name);
  const all = index === 0 ? [] : listLinkAddresses().filter((each) => each.interfaceIndex === index);
  const [ipv4, ...others] = all;
  if (ipv4 === undefined) {
    if (!listInterfaceNames().includes(name)) throw noSuchInterface(name);
    throw new NetError(
      "no-address",
      `interface "${name}" has no IPv4 address: give it the address that its clients shall find the relay at`,
    );
  }
  return {
    name,
    index,
    ...withBroadcast(ipv4),
    others: others.map(withBroadcast),
    mtu: readMtu(name),
    mac: formatMac(hardwareAddress(name) ?? NO_MAC),
  };
}

/** The error for a name that is not an interface of this host. */
export function noSuchInterface(name: string): NetError {
  return new NetError(
    "no-such-interface",
    `there is no interface "${name}" on this host; it has ${listInterfaceNames().join(", ")}`,
  );
}

/** Names of all interfaces, also of those that are down or have no address. */
export function listInterfaceNames(): string[] {
  const lines = readFileSync("/proc/net/dev", "utf8").split("\n").slice(2);
  return lines.map((line) => line.split(":")[0]!.trim()).filter((name) => name !== "");
}

function withBroadcast({ address, prefixLength }: LinkAddress): InterfaceAddress {
  // A shift by 32 would be none.
  const mask = prefixLength === 0 ? 0 : (-1 << (32 - prefixLength)) >>> 0;
  return {
    address,
    netmask: formatIpv4(mask),
    broadcast: formatIpv4((parseIpv4(address)! | ~mask) >>> 0),
  };
}

/** sysfs shows the network namespace it was mounted in, which need not be ours. */
function readMtu(name: string): number {
  try {
    const mtu = Number(readFileSync(`/sys/class/net/${name}/mtu`, "utf8"));
    return Number.isInteger(mtu) && mtu > 0 ? Math.min(mtu, 65_535) : ETHERNET_MTU;
  } catch {
    return ETHERNET_MTU;
  }
}
