import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BootEventInput } from "../../core/relay-protocol/events.ts";
import type { ServerProcessArgument } from "../relay/dhcp/support/server-process.ts";
import { type Child, run, startChild } from "../support/lab/child.ts";
import type { Lab } from "../support/lab/network.ts";
import { waitFor } from "../support/lab/wait.ts";

const SERVER_PROGRAM = fileURLToPath(new URL("../relay/dhcp/support/server-process.ts", import.meta.url));

/** A host on a bridge of the lab, in a network namespace of its own. */
export type Host = {
  readonly namespace: string;
  /** Inside the namespace. */
  readonly interface: "eth0";
  readonly exec: (command: string, args: readonly string[]) => Promise<string>;
  readonly spawn: (command: string, args: readonly string[]) => Promise<Child>;
  readonly close: () => Promise<void>;
};

let hosts = 0;

/** Adds a host; `address` with its prefix, e.g. `192.168.77.5/24`. */
export async function addHost(
  lab: Lab,
  options: { readonly mac: string; readonly address?: string; readonly bridge?: string },
): Promise<Host> {
  const number = hosts++;
  const namespace = `pxhost-${process.pid}-${number}`;
  const port = `host${number}`;
  const bridge = options.bridge ?? lab.lanInterface;
  const children = new Set<Child>();
  await run("ip", ["netns", "add", namespace]);
  await lab.exec("ip", ["link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace]);
  await lab.exec("ip", ["link", "set", port, "master", bridge, "up"]);
  const inside = (...args: string[]): Promise<string> => run("ip", ["-n", namespace, ...args]);
  await inside("link", "set", "eth0", "address", options.mac);
  await inside("link", "set", "lo", "up");
  await inside("link", "set", "eth0", "up");
  if (options.address !== undefined) await inside("address", "add", options.address, "dev", "eth0");
  return {
    namespace,
    interface: "eth0",
    exec: (command, args) => run("ip", ["netns", "exec", namespace, command, ...args]),
    spawn: async (command, args) => {
      const child = await startChild("ip", ["netns", "exec", namespace, command, ...args]);
      children.add(child);
      return child;
    },
    close: async () => {
      await Promise.all([...children].map((child) => child.stop()));
      await run("ip", ["netns", "delete", namespace]);
    },
  };
}

/** dnsmasq as a site's own DHCP server, on a host's interface. */
export async function startDnsmasq(
  host: Host,
  options: { readonly leaseFile: string; readonly ranges: readonly string[] },
): Promise<Child> {
  const dnsmasq = await host.spawn("/usr/sbin/dnsmasq", [
    ...["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=eth0", "--log-dhcp"],
    ...["--no-ping", "--dhcp-authoritative", "--log-facility=-", "--user=root"],
    ...options.ranges.map((range) => `--dhcp-range=${range}`),
    `--dhcp-leasefile=${options.leaseFile}`,
  ]);
  await waitFor(() => dnsmasq.output().includes("DHCP, IP range"), 5000, dnsmasq.output);
  return dnsmasq;
}

/**
 * A router between the LAN and a network of its own, 10.20.0.0/24, with a DHCP
 * relay agent and one client there, `far0`, inside the router's namespace. The
 * relay's namespace knows the way.
 *
 * @param servers that the agent forwards to
 */
export async function addRoutedClient(
  lab: Lab,
  options: { readonly mac: string; readonly servers: readonly string[] },
): Promise<Host> {
  const router = await addHost(lab, { mac: "02:00:00:00:99:08", address: `${ROUTER_ADDRESS}/24` });
  const steps = [
    "link add down0 type bridge",
    "address add 10.20.0.1/24 dev down0",
    "link set down0 up",
    "link add port0 type veth peer name far0",
    "link set port0 master down0 up",
    `link set far0 address ${options.mac}`,
    "link set far0 up",
  ];
  for (const step of steps) await router.exec("ip", step.split(" "));
  await router.exec("sysctl", ["-q", "-w", "net.ipv4.ip_forward=1"]);
  await lab.exec("ip", ["route", "add", "10.20.0.0/24", "via", ROUTER_ADDRESS]);
  await router.spawn("/usr/sbin/dhcrelay", [
    ...["-4", "-d", "--no-pid", "-a", "-m", "discard"],
    ...["-id", "down0", "-iu", "eth0", ...options.servers],
  ]);
  return {
    ...router,
    close: async () => {
      await lab.exec("ip", ["route", "delete", "10.20.0.0/24"]);
      await router.close();
    },
  };
}

const ROUTER_ADDRESS = "192.168.77.8";

/** Our DHCP server as a process in the relay's namespace. */
export type ServerProcess = {
  readonly events: () => BootEventInput[];
  readonly output: () => string;
  /** Waits for an event; returns the first that fits. */
  readonly waitFor: (
    name: string,
    timeoutMs?: number,
    fits?: (event: BootEventInput) => boolean,
  ) => Promise<BootEventInput>;
  readonly stop: () => Promise<void>;
};

export async function startServerProcess(
  lab: Lab,
  config: ServerProcessArgument["config"],
): Promise<ServerProcess> {
  const folder = mkdtempSync(join(tmpdir(), "pxedge-dhcp-"));
  const argument: ServerProcessArgument = {
    interface: lab.lanInterface,
    config,
    leasesPath: join(folder, "leases.db"),
  };
  const child = await lab.spawn(process.execPath, [SERVER_PROGRAM, JSON.stringify(argument)]);
  const events = (): BootEventInput[] =>
    child
      .output()
      .split("\n")
      .filter((line) => line.startsWith('{"mac"') && line.endsWith("}"))
      .map((line) => JSON.parse(line) as BootEventInput);
  await waitFor(
    () => child.output().includes('"ready"'),
    10_000,
    () => `the server did not start:\n${child.output()}`,
  );
  return {
    events,
    output: child.output,
    waitFor: (name, timeoutMs = 15_000, fits = () => true) =>
      waitFor(
        () => events().find((event) => event.name === name && fits(event)),
        timeoutMs,
        () => `no event ${name}:\n${child.output()}`,
      ),
    stop: async () => {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
