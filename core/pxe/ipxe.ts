import {
  decodeSubOptions,
  type DhcpOption,
  encodeSubOptions,
  getOption,
  OPTION,
} from "../dhcp-packet/index.ts";
import type { OptionHolder } from "../dhcp-packet/index.ts";

/** Options encapsulated in 175, as iPXE names them. */
export const IPXE_SUB_OPTION = {
  PRIORITY: 1,
  KEEP_SAN: 8,
  SKIP_SAN_BOOT: 9,
  SCRIPTLET: 81,
  SYSLOGS: 85,
  TRUST: 90,
  CERT: 91,
  PRIVKEY: 92,
  CROSS_CERT: 93,
  NO_PXEDHCP: 176,
  BUS_ID: 177,
  USE_CACHED: 178,
  SAN_DRIVE: 189,
  USERNAME: 190,
  PASSWORD: 191,
  VERSION: 235,
} as const;

/** What a build of iPXE says it can do: sub-options 16 to 41 of its 175. */
const FEATURES: ReadonlyMap<number, string> = new Map([
  [16, "pxe-ext"],
  [17, "iscsi"],
  [18, "aoe"],
  [19, "http"],
  [20, "https"],
  [21, "tftp"],
  [22, "ftp"],
  [23, "dns"],
  [24, "bzimage"],
  [25, "multiboot"],
  [26, "slam"],
  [27, "srp"],
  [32, "nbi"],
  [33, "pxe"],
  [34, "elf"],
  [35, "comboot"],
  [36, "efi"],
  [37, "fcoe"],
  [38, "vlan"],
  [39, "menu"],
  [40, "sdi"],
  [41, "nfs"],
]);

export type IpxeBuild = {
  /** Names of features in the order sent, e.g. `["http", "https", "bzimage"]`. */
  readonly features: readonly string[];
  /** Such as `1.21.1`; `null` if it does not say. */
  readonly version: string | null;
};

/** What iPXE says of itself in option 175; empty where that is missing or malformed. */
export function readIpxeBuild(request: OptionHolder): IpxeBuild {
  const encapsulated = getOption(request, OPTION.ETHERBOOT);
  const options = (encapsulated && decodeSubOptions(encapsulated, { end: true })) ?? [];
  const version = options.find(({ code }) => code === IPXE_SUB_OPTION.VERSION)?.data;
  return {
    features: options.flatMap(({ code, data }) => (data[0] === 0 ? [] : (FEATURES.get(code) ?? []))),
    version: version === undefined || version.length === 0 ? null : version.join("."),
  };
}

/** Option 175 that tells iPXE not to wait two seconds for another server's proxyDHCP offer. */
export function noProxyDhcpOption(): DhcpOption {
  const options = [{ code: IPXE_SUB_OPTION.NO_PXEDHCP, data: Uint8Array.of(1) }];
  return { code: OPTION.ETHERBOOT, data: encodeSubOptions(options) };
}
