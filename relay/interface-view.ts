import type { DhcpServerStats } from "./dhcp/server-stats.ts";
import type { Subnet } from "./dhcp/subnet.ts";
import type { HttpListener } from "./http/server.ts";
import type { TftpCounts } from "./tftp/counts.ts";

/** A configured interface as it is just now, and what was done on it since the start. */
export type InterfaceView = {
  readonly name: string;
  readonly mode: "server" | "proxy" | "auto" | "off" | "refused";
  /** Why it is not, or not wholly, served. */
  readonly failure: string | undefined;
  /** Where HTTP is answered. */
  readonly http: HttpListener | undefined;
  /** The networks that addresses are given in; `undefined` while DHCP is not served. */
  readonly subnets: readonly Subnet[] | undefined;
  /** TFTP transfers under way. */
  readonly transfers: number;
  readonly dhcp: Readonly<DhcpServerStats>;
  readonly tftp: Readonly<TftpCounts>;
};
