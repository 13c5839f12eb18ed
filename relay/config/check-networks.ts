import { formatIpv4, parseIpv4 } from "../../core/addresses.ts";
import { parseNetwork } from "./addresses-schema.ts";
import type { Path } from "./messages.ts";
import type { AddressRange, InterfaceConfig, SubnetSettings } from "./model.ts";

/** Something that is right by itself and wrong beside something else. */
export type NetworkProblem = {
  /** Whose DHCP cannot be served for it. */
  readonly interfaceIndex: number;
  readonly path: Path;
  readonly message: string;
};

type PlacedRange = {
  readonly from: number;
  readonly to: number;
  readonly path: Path;
  readonly where: string;
};

/**
 * Finds ranges outside their network, ranges that overlap, and networks that
 * overlap: of two, the later one is at fault, so that the first can be served.
 */
export function checkNetworks(interfaces: readonly InterfaceConfig[]): NetworkProblem[] {
  const problems: NetworkProblem[] = [];
  const ranges: PlacedRange[] = [];
  const networks: PlacedRange[] = [];
  for (const [interfaceIndex, { name, dhcp }] of interfaces.entries()) {
    if (dhcp.mode !== "server") continue;
    const add = (path: Path, message: string): void => void problems.push({ interfaceIndex, path, message });
    const base = ["interfaces", interfaceIndex, "dhcp"];
    addRanges(dhcp, base, name);
    for (const [index, subnet] of dhcp.subnets.entries()) {
      const path = [...base, "subnets", index];
      const { first, mask } = parseNetwork(subnet.network)!;
      const network = { from: first, to: (first | ~mask) >>> 0 };
      const other = networks.find((each) => overlap(each, network));
      if (other === undefined) networks.push({ ...network, path, where: `${subnet.network} of ${name}` });
      else add([...path, "network"], `overlaps ${other.where}`);
      for (const [place, [from, to]] of places(subnet.ranges)) {
        const inside = value(from) > network.from && value(to) < network.to;
        if (!inside) add([...path, ...place], `${from} to ${to} does not lie in ${subnet.network}`);
      }
      addRanges(subnet, path, `${subnet.network} of ${name}`);
    }

    function addRanges(settings: SubnetSettings, path: Path, where: string): void {
      for (const [place, [first, last]] of places(settings.ranges)) {
        const range = { from: value(first), to: value(last), path: [...path, ...place], where };
        const other = ranges.find((each) => overlap(each, range));
        if (other === undefined) ranges.push(range);
        else
          add(range.path, `overlaps ${formatIpv4(other.from)} to ${formatIpv4(other.to)} of ${other.where}`);
      }
    }
  }
  return problems;
}

/** Ranges with their places below their network, as the file most likely has them. */
function places(ranges: readonly AddressRange[]): [Path, AddressRange][] {
  return ranges.map((range, index) => [ranges.length === 1 ? ["range"] : ["ranges", index], range]);
}

function overlap(a: { from: number; to: number }, b: { from: number; to: number }): boolean {
  return a.from <= b.to && b.from <= a.to;
}

function value(address: string): number {
  return parseIpv4(address)!;
}
