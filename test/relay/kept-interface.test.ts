import pino from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { DhcpConfigError } from "../../relay/dhcp/errors.ts";
import type { InterfaceServices } from "../../relay/interface-services.ts";
import { KeptInterface } from "../../relay/kept-interface.ts";
import { NetError } from "../../relay/net/errors.ts";
import type { InterfaceInfo } from "../../relay/net/interfaces.ts";

const ETH1: InterfaceInfo = {
  name: "eth1",
  index: 7,
  address: "192.168.77.1",
  netmask: "255.255.255.0",
  broadcast: "192.168.77.255",
  others: [],
  mtu: 1500,
  mac: "02:00:00:00:00:01",
};
const GONE = new NetError("no-such-interface", "there is no interface eth1");

let host: InterfaceInfo | Error;
/** What the next starts of services come to. */
let startFailures: Error[];
/** What was done to services, by the index of the interface that they were made for. */
let done: string[];
let logged: string[];
/** How often it was told that the interface is served. */
let served: number;
let kept: KeptInterface;

beforeEach(() => {
  vi.useFakeTimers();
  [host, startFailures, done, logged, served] = [ETH1, [], [], [], 0];
  kept = new KeptInterface({
    name: "eth1",
    read: () => {
      if (host instanceof Error) throw host;
      return host;
    },
    createServices: ({ index, address }): InterfaceServices => ({
      start: async () => {
        const failure = startFailures.shift();
        done.push(failure === undefined ? `start ${index}` : `fail ${index}`);
        if (failure !== undefined) throw failure;
      },
      endDhcp: async () => void done.push(`end DHCP ${index}`),
      stop: async () => void done.push(`stop ${index}`),
      http: { interface: "eth1", address, port: 8080 },
      subnets: [],
      transfers: 0,
    }),
    onServed: () => void (served += 1),
    log: pino(
      { base: null },
      { write: (line) => void logged.push((JSON.parse(line) as { msg: string }).msg) },
    ),
    now: Date.now,
  });
});
afterEach(async () => {
  await kept.stop(AbortSignal.abort());
  vi.useRealTimers();
});

describe("an interface", () => {
  test("that is there is served until the end", async () => {
    expect(await kept.start()).toBeUndefined();
    expect(kept.http?.address).toBe("192.168.77.1");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(done).toEqual(["start 7"]);
    expect(served).toBe(1);
    await kept.stop(AbortSignal.abort());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(done).toEqual(["start 7", "stop 7"]);
  });

  test.each([
    ["is not there", GONE],
    ["has no address", new NetError("no-address", "interface eth1 has no IPv4 address")],
  ])("that %s yet is served as soon as that changes, and the lack is told once", async (_, lack) => {
    host = lack;
    expect(await kept.start()).toBe(lack);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(done).toEqual([]);
    expect(logged).toEqual(["the interface cannot be served; others go on"]);
    host = ETH1;
    await vi.advanceTimersByTimeAsync(1000);
    expect(done).toEqual(["start 7"]);
  });

  test("that goes is no longer served, and is again when it comes back", async () => {
    await kept.start();
    host = GONE;
    await vi.advanceTimersByTimeAsync(1000);
    expect(done).toEqual(["start 7", "stop 7"]);
    expect(kept.http).toBeUndefined();
    host = { ...ETH1, index: 9 };
    await vi.advanceTimersByTimeAsync(1000);
    expect(done).toEqual(["start 7", "stop 7", "start 9"]);
  });

  test.each([
    ["was made anew between two looks", { index: 8 }],
    ["got another address", { address: "192.168.77.2" }],
    ["got another MTU", { mtu: 9000 }],
  ])("that %s is served anew", async (_, change) => {
    await kept.start();
    host = { ...ETH1, ...change };
    await vi.advanceTimersByTimeAsync(1000);
    expect(done).toEqual(["start 7", "stop 7", `start ${host.index}`]);
    expect(kept.http?.address).toBe(host.address);
  });

  test("whose port is taken is tried again, each ten seconds; told when it is another reason", async () => {
    const taken = new NetError("port-in-use", "UDP port 67 on eth1 is held by dnsmasq (pid 7)");
    const other = new NetError("port-in-use", "UDP port 67 on eth1 is held by dhcpd (pid 8)");
    startFailures = [taken, taken, other];
    expect(await kept.start()).toBe(taken);
    expect(served).toBe(0);
    await vi.advanceTimersByTimeAsync(9000);
    expect(done).toEqual(["fail 7"]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(done).toEqual(["fail 7", "fail 7"]);
    expect(logged).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(done).toEqual(["fail 7", "fail 7", "fail 7", "start 7"]);
    expect(logged).toHaveLength(3);
  });

  test("that does not fit its configuration waits until it is another one", async () => {
    const wrong = new DhcpConfigError("range-outside-subnet", "the range does not lie in 192.168.77.0/24");
    startFailures = [wrong];
    expect(await kept.start()).toBe(wrong);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(done).toEqual(["fail 7"]);
    host = { ...ETH1, address: "10.0.0.1" };
    await vi.advanceTimersByTimeAsync(1000);
    expect(done).toEqual(["fail 7", "stop 7", "start 7"]);
  });

  test("that the kernel does not tell of for a moment is served on", async () => {
    await kept.start();
    host = new NetError("socket-failed", "cannot open the kernel's addresses (error 24)");
    await vi.advanceTimersByTimeAsync(5000);
    host = ETH1;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(done.filter((each) => each.startsWith("stop"))).toEqual([]);
  });
});
