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
