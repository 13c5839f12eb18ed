import { spawnSync, type SpawnOptions } from "node:child_process";
import { existsSync } from "node:fs";
import { startChild, run, type Child } from "./child.ts";

/**
 * A site in a box: a network namespace for the relay with a bridge that
 * virtual machines hang on, and a veth pair to the root namespace, where the
 * control plane runs.
 *
 *     root namespace                 relay namespace pxlab-PID-N
 *     control plane                  relay
 *     10.a.b.1/30  ---- veth ----    10.a.b.2/30 (wan0)
 *                                    192.168.77.1/24 (lan0, bridge) -- tap0, tap1, …
 */
export type Lab = {
  readonly relayNamespace: string;
  /** The bridge that machines hang on, inside the relay's namespace. */
  readonly lanInterface: string;
  /** The relay's address on the LAN. */
  readonly lanAddress: string;
  /** The relay's end of the WAN, inside its namespace; `ip link set … down` cuts it. */
  readonly wanInterface: string;
  /** The root namespace's end of the WAN: where a control plane listens. */
  readonly controlPlaneAddress: string;
  /** The relay's address on the WAN, reachable from the root namespace. */
  readonly wanAddress: string;
  /** A new tap on the bridge; its name inside the relay's namespace. */
  readonly addTap: () => Promise<string>;
  /** Runs a program inside the relay's namespace; rejects unless it exits with 0. */
  readonly exec: (command: string, args: readonly string[], timeoutMs?: number) => Promise<string>;
  /** Starts a program inside the relay's namespace; `close` stops it. */
  readonly spawn: (command: string, args: readonly string[], options?: SpawnOptions) => Promise<Child>;
  /** Stops every program of the lab and removes its network; may be called twice. */
  readonly close: () => Promise<void>;
};

const NAMESPACE_PATTERN = /^pxlab-(\d+)-(\d+)$/;
const LAN_INTERFACE = "lan0";
const LAN_ADDRESS = "192.168.77.1";
const WAN_INTERFACE = "wan0";
/** /30 networks in 10.213.0.0/16, one a lab. */
const WAN_NETWORKS = 16_384;

let labsOfThisProcess = 0;

/**
 * Builds a lab. Needs root. What earlier, killed runs left behind is removed
 * first; what other live processes built stays.
 *
 * @throws when the network cannot be built; nothing stays behind then.
 */
export async function createLab(): Promise<Lab> {
  await removeAbandonedLabs();
  labsOfThisProcess += 1;
  const namespace = `pxlab-${process.pid}-${labsOfThisProcess}`;
  const rootInterface = `px${process.pid}n${labsOfThisProcess}`;
  const [controlPlaneAddress, wanAddress] = await pickWanNetwork();
  const inside = (...args: string[]) => run("ip", ["-n", namespace, ...args]);

  const children = new Set<Child>();
  const removeNetworkNow = () => {
    for (const child of children) child.process.kill("SIGKILL");
    spawnSync("ip", ["link", "delete", rootInterface]);
    spawnSync("ip", ["netns", "delete", namespace]);
  };
  process.once("exit", removeNetworkNow);

  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    await Promise.all([...children].map((child) => child.stop()));
    await killNamespace(namespace);
    removeNetworkNow();
    process.removeListener("exit", removeNetworkNow);
  };

  try {
    await run("ip", ["netns", "add", namespace]);
    const peer = ["peer", "name", WAN_INTERFACE, "netns", namespace];
    await run("ip", ["link", "add", rootInterface, "type", "veth", ...peer]);
    await run("ip", ["address", "add", `${controlPlaneAddress}/30`, "dev", rootInterface]);
    await run("ip", ["link", "set", rootInterface, "up"]);
    await inside("link", "set", "lo", "up");
    await inside("address", "add", `${wanAddress}/30`, "dev", WAN_INTERFACE);
    await inside("link", "set", WAN_INTERFACE, "up");
    // No spanning tree: a port forwards as soon as it is up, as firmware expects of an edge port.
    await inside("link", "add", LAN_INTERFACE, "type", "bridge", "stp_state", "0", "forward_delay", "0");
    await inside("address", "add", `${LAN_ADDRESS}/24`, "dev", LAN_INTERFACE);
    await inside("link", "set", LAN_INTERFACE, "up");
  } catch (error) {
    await close();
    throw error;
  }

  let taps = 0;
  return {
    relayNamespace: namespace,
    lanInterface: LAN_INTERFACE,
    lanAddress: LAN_ADDRESS,
    wanInterface: WAN_INTERFACE,
    controlPlaneAddress,
    wanAddress,
    addTap: async () => {
      const tap = `tap${taps++}`;
      await inside("tuntap", "add", "dev", tap, "mode", "tap");
      await inside("link", "set", tap, "master", LAN_INTERFACE, "up");
      return tap;
    },
    exec: (command, args, timeoutMs) => run("ip", ["netns", "exec", namespace, command, ...args], timeoutMs),
    spawn: async (command, args, options) => {
      if (isClosed) throw new Error(`lab ${namespace} is closed`);
      const child = await startChild("ip", ["netns", "exec", namespace, command, ...args], options);
      children.add(child);
      void child.exited.then(() => children.delete(child));
      return child;
    },
    close,
  };
}

/** Both ends of a /30 that no interface of the root namespace is in. */
async function pickWanNetwork(): Promise<[root: string, relay: string]> {
  const addresses = await run("ip", ["-4", "-o", "address"]);
  // Begins at a place of its own a process, so that two that start at once do not pick the same.
  const start = process.pid * 8 + labsOfThisProcess;
  for (let step = 0; step < WAN_NETWORKS; step++) {
    const offset = ((start + step) % WAN_NETWORKS) * 4;
    const at = (host: number) => `10.213.${offset >> 8}.${(offset & 0xff) + host}`;
    if (!addresses.includes(` ${at(1)}/`)) return [at(1), at(2)];
  }
  throw new Error("10.213.0.0/16 has no /30 left");
}

/** Kills what still runs in a namespace: programs that detached from the lab. */
async function killNamespace(namespace: string): Promise<void> {
  if (!existsSync(`/run/netns/${namespace}`)) return;
  for (const pid of (await run("ip", ["netns", "pids", namespace])).split("\n").filter(Boolean)) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

async function removeAbandonedLabs(): Promise<void> {
  const names = (await run("ip", ["netns", "list"])).split("\n").map((line) => line.split(" ")[0] ?? "");
  for (const name of names) {
    const [, pid, number] = NAMESPACE_PATTERN.exec(name) ?? [];
    if (pid === undefined || Number(pid) === process.pid || existsSync(`/proc/${pid}`)) continue;
    await killNamespace(name);
    // Another process may be removing the same one: what counts is that it goes.
    spawnSync("ip", ["link", "delete", `px${pid}n${number}`]);
    spawnSync("ip", ["netns", "delete", name]);
  }
}
