import { createDhcpServer } from "../../../../relay/dhcp/server.ts";
import { LeaseStore } from "../../../../relay/leases/lease-store.ts";
import { readInterface } from "../../../../relay/net/interfaces.ts";
import type { DhcpActiveConfig } from "../../../../relay/config/model.ts";

/** The only argument of this program, as JSON. */
export type ServerProcessArgument = {
  readonly interface: string;
  readonly config: DhcpActiveConfig;
  readonly leasesPath: string;
};

/**
 * A DHCP server as a process of its own, for a test that kills it or puts it
 * into a network namespace. Writes `{"ready":true}`, then an event a line.
 */
const argument = JSON.parse(process.argv[2]!) as ServerProcessArgument;
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const server = createDhcpServer({
  config: argument.config,
  interface: readInterface(argument.interface),
  httpPort: 8080,
  bootFiles: {
    bios: ["undionly.kpxe"],
    "efi-x86_64": ["snponly.efi"],
    "efi-arm64": ["ipxe-arm64.efi"],
  },
  bootFileAvailable: () => true,
  leases: new LeaseStore({ path: argument.leasesPath, now: Date.now }),
  site: () => undefined,
  onEvent: say,
  log: { debug: () => undefined, info: () => undefined, warn: console.error, error: console.error },
  now: Date.now,
});
await server.start();
say({ ready: true });
