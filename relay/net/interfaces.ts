import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { formatIpv4, parseIpv4, type Ipv4, type Mac } from "../../core/addresses.ts";
import { NetError } from "./errors.ts";

/** An address of an interface and the network it lies in. */
export type InterfaceAddress = {
  readonly address: Ipv4;
  readonly netmask: Ipv4;
  readonly broadcast: Ipv4;
};

/** One interface of this host as a server on it needs to know it, by its first address. */
export type InterfaceInfo = InterfaceAddress & {
  readonly name: string;
  /** Its further addresses. */
  readonly others: readonly InterfaceAddress[];
  /** Largest IP packet in bytes. */
  readonly mtu: number;
  readonly mac: Mac;
};

/** Where sysfs cannot tell: Ethernet's, so that no reply is larger than any LAN carries. */
const ETHERNET_MTU = 1500;

/**
 * Reads an interface's IPv4 addresses and link facts.
 *
 * @throws NetError `no-such-interface` (naming those that exist), `no-address`
 */
export function readInterface(name: string): InterfaceInfo {
  const all = networkInterfaces()[name]?.filter((entry) => entry.family === "IPv4") ?? [];
  const [ipv4, ...others] = all;
  if (ipv4 === undefined) {
    if (!listInterfaceNames().includes(name)) throw noSuchInterface(name);
    throw new NetError(
      "no-address",
      `interface "${name}" is down or has no IPv4 address: give it the address that its clients shall find the relay at`,
    );
  }
  return {
    name,
    ...withBroadcast(ipv4),
    others: others.map(withBroadcast),
    mtu: readMtu(name),
    mac: ipv4.mac,
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

function withBroadcast({ address, netmask }: { address: Ipv4; netmask: Ipv4 }): InterfaceAddress {
  return { address, netmask, broadcast: formatIpv4((parseIpv4(address)! | ~parseIpv4(netmask)!) >>> 0) };
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
