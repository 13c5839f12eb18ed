import type { DhcpServerConfig } from "../../../../relay/config/model.ts";

/** A server's configuration with what `relay.yaml` has by default, but for probing. */
export function serverConfig(overrides: Partial<DhcpServerConfig>): DhcpServerConfig {
  return {
    mode: "server",
    ranges: [],
    exclude: [],
    dns: [],
    ntp: [],
    options: [],
    leaseSeconds: 3600,
    subnets: [],
    answer: "any",
    vendorClasses: [],
    authoritative: false,
    probe: false,
    leasesPerPort: 64,
    port: 67,
    clientPort: 68,
    ...overrides,
  };
}
