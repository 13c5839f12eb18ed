import { readFileSync } from "node:fs";
import type { Ipv4, Mac } from "../../core/addresses.ts";

/** One resolved address of the kernel's ARP table. */
export type Neighbour = { readonly address: Ipv4; readonly mac: Mac; readonly device: string };

/** ATF_COM in <linux/if_arp.h>: the entry was answered. */
const COMPLETE = 0x2;

/**
 * Looks up who the kernel takes an address for: on one device, or on any.
 * `undefined` when it does not know, or two devices disagree.
 */
export function lookupNeighbour(ip: Ipv4, device?: string): Mac | undefined {
  const macs = new Set<Mac>();
  for (const neighbour of parseNeighbours(readFileSync("/proc/net/arp", "utf8"))) {
    if (neighbour.address !== ip) continue;
    if (device === undefined || neighbour.device === device) macs.add(neighbour.mac);
  }
  return macs.size === 1 ? [...macs][0] : undefined;
}

/**
 * Parses the text of /proc/net/arp; entries that nobody answered, and those
 * of other than Ethernet hardware, are left out.
 *
 *     IP address       HW type     Flags       HW address            Mask     Device
 *     192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0
 */
export function parseNeighbours(text: string): Neighbour[] {
  const neighbours: Neighbour[] = [];
  for (const line of text.split("\n").slice(1)) {
    const [address, hardwareType, flags, mac, , device] = line.trim().split(/\s+/);
    if (address === undefined || mac === undefined || device === undefined) continue;
    if (Number(hardwareType) !== 1 || (Number(flags) & COMPLETE) === 0) continue;
    neighbours.push({ address, mac: mac.toLowerCase(), device });
  }
  return neighbours;
}
