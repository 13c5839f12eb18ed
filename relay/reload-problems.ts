import type { RelayConfigFile } from "./config/parse.ts";
import { DhcpConfigError } from "./dhcp/errors.ts";
import { createSubnet } from "./dhcp/subnet.ts";
import { NetError } from "./net/errors.ts";
import { type InterfaceInfo, readInterface } from "./net/interfaces.ts";

/**
 * What keeps a running relay from taking over a configuration, each a sentence
 * with file, line and field. At a start such an interface is left out and the
 * others are served; a relay that serves it already rather goes on as it is.
 */
export function findReloadProblems(
  { config, describe }: RelayConfigFile,
  read: (name: string) => InterfaceInfo = readInterface,
): string[] {
  return config.interfaces.flatMap(({ name, dhcp }, index) => {
    if (dhcp.mode === "refused") return dhcp.problems;
    const info = dhcp.mode === "server" ? readIfThere(name, read) : undefined;
    if (dhcp.mode !== "server" || info === undefined) return [];
    return dhcp.ranges.flatMap((range, place) => {
      try {
        createSubnet(info, { ...dhcp, ranges: [range] });
        return [];
      } catch (error) {
        if (!(error instanceof DhcpConfigError)) throw error;
        const below = dhcp.ranges.length === 1 ? ["range"] : ["ranges", place];
        return [describe(["interfaces", index, "dhcp", ...below], error.message)];
      }
    });
  });
}

/** One that is away is served when it comes, whatever it then has. */
function readIfThere(name: string, read: (name: string) => InterfaceInfo): InterfaceInfo | undefined {
  try {
    return read(name);
  } catch (error) {
    if (error instanceof NetError) return undefined;
    throw error;
  }
}
