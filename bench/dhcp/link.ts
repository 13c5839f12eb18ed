import { spawnSync } from "node:child_process";

/** Two network namespaces and a cable: the servers on one end, the load on the other. */
export type Link = {
  readonly serverNamespace: string;
  readonly serverInterface: "srv0";
  readonly serverAddress: string;
  readonly clientNamespace: string;
  readonly clientInterface: "cli0";
  readonly network: string;
  readonly netmask: string;
  readonly range: readonly [first: string, last: string];
  readonly remove: () => void;
};

/**
 * @param name tells one of several links from the others
 * @throws when the network cannot be built: it takes root
 */
export function createLink(name: string): Link {
  const serverNamespace = `pxbench-s-${name}-${process.pid}`;
  const clientNamespace = `pxbench-c-${name}-${process.pid}`;
  const remove = (): void => {
    for (const each of [serverNamespace, clientNamespace]) spawnSync("ip", ["netns", "delete", each]);
  };
  try {
    for (const each of [serverNamespace, clientNamespace]) ip("netns", "add", each);
    ip(
      "-n",
      serverNamespace,
      "link",
      "add",
      "srv0",
      "type",
      "veth",
      "peer",
      "name",
      "cli0",
      "netns",
      clientNamespace,
    );
    for (const [namespace, device, address] of [
      [serverNamespace, "srv0", "10.55.0.1/16"],
      [clientNamespace, "cli0", "10.55.0.2/16"],
    ] as const) {
      ip("-n", namespace, "address", "add", address, "dev", device);
      ip("-n", namespace, "link", "set", "lo", "up");
      ip("-n", namespace, "link", "set", device, "up");
    }
  } catch (error) {
    remove();
    throw error;
  }
  return {
    serverNamespace,
    serverInterface: "srv0",
    serverAddress: "10.55.0.1",
    clientNamespace,
    clientInterface: "cli0",
    network: "10.55.0.0",
    netmask: "255.255.0.0",
    range: ["10.55.1.0", "10.55.250.255"],
    remove,
  };
}

function ip(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
}
