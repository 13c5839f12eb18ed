import type { BootFiles, FirmwareClass } from "../../core/relay-protocol/state.ts";

/** `relay.yaml`, parsed, validated and with its defaults filled in. */
export type RelayConfig = {
  readonly controlPlane: { readonly url: string };
  /** Absolute path; leases, journal, credentials and state live here. */
  readonly stateDir: string;
  /** Nothing is answered on an interface that is not named. */
  readonly interfaces: readonly InterfaceConfig[];
  readonly tftp: { readonly root: string; readonly port: number };
  readonly http: { readonly port: number };
  readonly bootFiles: Required<BootFiles> & Record<FirmwareClass, readonly string[]>;
  readonly log: { readonly level: LogLevel; readonly format: "json" | "pretty" };
};

export type LogLevel = "debug" | "info" | "warn" | "error";

type InterfaceConfig = {
  readonly name: string;
  readonly dhcp: DhcpConfig;
};

export type DhcpConfig = { readonly mode: "off" } | DhcpServerConfig;

export type DhcpServerConfig = {
  readonly mode: "server";
  /** First and last address given out, inclusive; inside the interface's subnet. */
  readonly range: readonly [first: string, last: string];
  readonly router?: string;
  readonly dns: readonly string[];
  readonly domain?: string;
  readonly leaseSeconds: number;
  /** Server port, 67; another only for `pxedge dev`. Replies go to `clientPort`, 68. */
  readonly port: number;
  readonly clientPort: number;
};
