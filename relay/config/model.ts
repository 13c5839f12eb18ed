import type { Ipv4 } from "../../core/addresses.ts";
import type { DhcpOption } from "../../core/dhcp-packet/index.ts";
import type { BootFiles, FirmwareClass } from "../../core/relay-protocol/state.ts";

/** `relay.yaml`, parsed, validated and with its defaults filled in. */
export type RelayConfig = {
  readonly controlPlane: {
    readonly url: string;
    /** How long a machine waits for its boot script before the relay gives it one of its own. */
    readonly decisionSeconds: number;
  };
  /** Absolute path; leases, journal, credentials and state live here. */
  readonly stateDir: string;
  /** Nothing is answered on an interface that is not named. */
  readonly interfaces: readonly InterfaceConfig[];
  readonly tftp: { readonly root: string; readonly port: number };
  readonly http: HttpConfig;
  /** Where metrics, health and status are told; to this host alone unless another address is given. */
  readonly admin: { readonly address: Ipv4; readonly port: number };
  readonly bootFiles: Required<BootFiles> & Record<FirmwareClass, readonly string[]>;
  readonly cache: CacheConfig;
  /** Package mirrors by the name under `/mirror/`. */
  readonly mirrors: Readonly<Record<string, MirrorConfig>>;
  readonly log: { readonly level: LogLevel; readonly format: "json" | "pretty" };
};

/** Rates of image and boot files' bytes, a second; `null`: as fast as it goes. */
export type HttpConfig = {
  readonly port: number;
  /** Of all clients of all interfaces together. */
  readonly maxRate: number | null;
  /** Of each client. */
  readonly maxRatePerClient: number | null;
};

/** Image files that are kept at the site. */
export type CacheConfig = {
  /** Of the disk; the least recently used files give way. */
  readonly maxBytes: number;
  /** Of `maxBytes`, for package mirrors; `null`: a quarter, where there are any. */
  readonly mirrorBytes: number | null;
  /** Of the downloads from the control plane together, a second; `null`: as fast as it goes. */
  readonly maxRate: number | null;
  /** Whether files of active orders are fetched before a machine asks for them. */
  readonly prefetch: boolean;
};

/** A package mirror that is cached. */
export type MirrorConfig = {
  /** Absolute http(s) URL without a slash at its end. */
  readonly upstream: string;
  /** Hosts, with their port where it is not the usual one, that it may redirect to. */
  readonly redirects: readonly string[];
  /** Patterns of paths whose files never change, besides packages: `*` for anything in a segment, `**` for anything. */
  readonly immutable: readonly string[];
};

export type LogLevel = "debug" | "info" | "warn" | "error";

export type InterfaceConfig = {
  readonly name: string;
  readonly dhcp: DhcpConfig;
};

export type DhcpConfig = { readonly mode: "off" } | DhcpActiveConfig;

/** DHCP that does, or should do, something. */
export type DhcpActiveConfig = DhcpServerConfig | DhcpProxyConfig | DhcpRefusedConfig;

/** What is configured contradicts itself, so this interface gets no DHCP; the others do. */
export type DhcpRefusedConfig = {
  readonly mode: "refused";
  /** A sentence each, with file, line and field. */
  readonly problems: readonly string[];
};

/** First and last address, inclusive. */
export type AddressRange = readonly [first: string, last: string];

/** Who is answered, and on which ports. */
type DhcpListenerConfig = {
  /** `registered`: only machines that the site knows. */
  readonly answer: "any" | "registered";
  /** Beginnings of option 60, e.g. `PXEClient`: others get no answer. Empty: all are answered. */
  readonly vendorClasses: readonly string[];
  /** Server port, 67; another only for `pxedge dev`. Replies go to `clientPort`, 68. */
  readonly port: number;
  readonly clientPort: number;
};

/** What clients of one network are given. */
export type SubnetSettings = {
  /** Given out, in this order. */
  readonly ranges: readonly AddressRange[];
  /** Never given out, except by reservation. */
  readonly exclude: readonly AddressRange[];
  readonly router?: string;
  readonly dns: readonly string[];
  readonly domain?: string;
  readonly ntp: readonly string[];
  /** Option 26, in bytes. */
  readonly mtu?: number;
  /** Further options as they are. */
  readonly options: readonly DhcpOption[];
  readonly leaseSeconds: number;
};

/** A further network: of the same wire, or behind a relay agent. */
export type SubnetConfig = SubnetSettings & {
  /** E.g. `10.20.0.0/16`. */
  readonly network: string;
};

/** The settings beside `mode` are those of the interface's own network. */
export type DhcpServerConfig = DhcpListenerConfig &
  SubnetSettings & {
    readonly mode: "server";
    readonly subnets: readonly SubnetConfig[];
    /** No other server has leases here: a client that is not known is told so, instead of left to time out. */
    readonly authoritative: boolean;
    /** Whether addresses are asked for by ARP before they are offered. */
    readonly probe: boolean;
    /** Most addresses that one port of a switch (option 82) may hold at a time. */
    readonly leasesPerPort: number;
  };

/** Boot directions beside a site's own DHCP server; `auto` waits until there is one. */
export type DhcpProxyConfig = DhcpListenerConfig & {
  readonly mode: "proxy" | "auto";
  /** The PXE boot server's port, 4011. */
  readonly bootPort: number;
};
