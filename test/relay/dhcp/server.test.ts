import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  encode,
  getIpv4,
  getText,
  getU8,
  MESSAGE_TYPE,
  OPTION,
  u8Option,
} from "../../../core/dhcp-packet/index.ts";
import type { BootEventInput } from "../../../core/relay-protocol/events.ts";
import type { DhcpActiveConfig } from "../../../relay/config/model.ts";
import { createDhcpServer, type DhcpServer } from "../../../relay/dhcp/server.ts";
import { LeaseStore } from "../../../relay/leases/lease-store.ts";
import type { InterfaceInfo } from "../../../relay/net/interfaces.ts";
import {
  discover,
  firmware,
  ipxe,
  MAC,
  message,
  OTHER_MAC,
  renew,
  request,
} from "./support/client-packets.ts";
import { serverConfig } from "./support/server-config.ts";
import { WireClient } from "./support/wire-client.ts";
import { freeUdpPort } from "../../support/lab/free-port.ts";

const LOOPBACK: InterfaceInfo = {
  name: "lo",
  index: 1,
  address: "127.0.0.1",
  netmask: "255.0.0.0",
  broadcast: "127.255.255.255",
  others: [],
  mtu: 65_535,
  mac: "00:00:00:00:00:00",
};
const SERVER = LOOPBACK.address;

/** A store whose disk can be taken away. */
class FailingLeaseStore extends LeaseStore {
  broken = false;
  commits = 0;

  override async commit(): Promise<void> {
    this.commits += 1;
    if (this.broken) throw new Error("disk full");
    await super.commit();
  }
}

let server: DhcpServer;
let client: WireClient;
let leases: FailingLeaseStore;
let ports: { server: number; client: number };
let events: BootEventInput[];
let logged: string[];

function create(config?: DhcpActiveConfig): DhcpServer {
  const log = (_: object, text: string): void => void logged.push(text);
  return createDhcpServer({
    config:
      config ??
      serverConfig({
        ranges: [["127.77.0.50", "127.77.0.99"]],
        leaseSeconds: 600,
        port: ports.server,
        clientPort: ports.client,
      }),
    interface: LOOPBACK,
    httpPort: 8080,
    bootFiles: { bios: ["undionly.kpxe"] },
    bootFileAvailable: () => true,
    leases,
    site: () => undefined,
    onEvent: (event) => events.push(event),
    log: { debug: () => undefined, info: log, warn: log, error: log },
    now: Date.now,
  });
}

/** Resolves when the server has read so many datagrams and taken its turn. */
async function received(count: number): Promise<void> {
  await expect.poll(() => server.stats.received, { interval: 5 }).toBe(count);
  await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(async () => {
  ports = { server: await freeUdpPort(), client: await freeUdpPort() };
  leases = new FailingLeaseStore({ path: ":memory:", now: Date.now });
  events = [];
  logged = [];
  server = create();
  await server.start();
  client = new WireClient(ports);
});

afterEach(async () => {
  await client.close();
  await server.stop();
  leases.close();
});

describe("the DHCP server on a socket", () => {
  it("D1 leases by broadcast: DISCOVER, OFFER, REQUEST, ACK, then a renewal by unicast and a release", async () => {
    const offer = (await client.ask(discover({ options: firmware(0) })))!;
    expect(getU8(offer, OPTION.MESSAGE_TYPE)).toBe(MESSAGE_TYPE.OFFER);
    expect(offer).toMatchObject({ yiaddr: "127.77.0.50", file: "undionly.kpxe", siaddr: SERVER });
    const ack = (await client.ask(request(offer.yiaddr, SERVER, { options: firmware(0) })))!;
    expect(getU8(ack, OPTION.MESSAGE_TYPE)).toBe(MESSAGE_TYPE.ACK);
    expect(leases.macByAddress("127.77.0.50")).toBe(MAC);

    const script = (await client.ask(discover({ options: ipxe(0) })))!;
    expect(script.yiaddr).toBe("127.77.0.50");
    expect(getText(script, OPTION.BOOTFILE_NAME)).toBe("http://127.0.0.1:8080/boot.ipxe");

    const renewed = (await client.ask(renew("127.77.0.50"), 250, SERVER))!;
    expect(getIpv4(renewed, OPTION.SERVER_IDENTIFIER)).toBe(SERVER);
    client.send(encode(message(MESSAGE_TYPE.RELEASE, { fields: { ciaddr: "127.77.0.50" } })));
    await received(5);
    expect(leases.macByAddress("127.77.0.50")).toBeUndefined();
    expect(events.map(({ name }) => name)).toEqual([
      "offered",
      "acknowledged",
      "offered",
      "acknowledged",
      "released",
    ]);
    expect(server.stats).toMatchObject({ received: 5, offered: 2, acknowledged: 2, released: 1, failed: 0 });
  });

  it("commits a burst at once, and gives each client an address of its own", async () => {
    const macs = Array.from({ length: 40 }, (_, i) => `02:00:00:00:00:${(i + 16).toString(16)}`);
    const addresses = await Promise.all(macs.map((mac) => client.lease(mac, SERVER)));
    expect(new Set(addresses).size).toBe(40);
    for (const [i, address] of addresses.entries()) expect(leases.macByAddress(address)).toBe(macs[i]);
    expect(leases.commits).toBeLessThan(60);
  });

  it("D15 acknowledges nothing that is not durable, and goes on when the disk is back", async () => {
    const offer = (await client.ask(discover()))!;
    leases.broken = true;
    expect(await client.ask(request(offer.yiaddr, SERVER))).toBeUndefined();
    expect(server.stats).toMatchObject({ acknowledged: 0 });
    expect(logged).toContain("leases could not be written, so they are not acknowledged");
    // What asks for nothing durable is answered all the same.
    expect(await client.ask(discover({ mac: OTHER_MAC }))).toBeDefined();
    leases.broken = false;
    expect(await client.ask(request(offer.yiaddr, SERVER))).toBeDefined();
  });

  it("D14 drops and counts what is no request, and answers the next", async () => {
    const whole = encode(discover());
    const changed = (at: number, value: number): Uint8Array => {
      const bytes = whole.slice();
      bytes[at] = value;
      return bytes;
    };
    const junk = [
      new Uint8Array(1),
      whole.subarray(0, 239),
      changed(0, 2), // a reply
      changed(0, 7),
      changed(2, 17), // hlen
      changed(236, 0), // cookie
      changed(241, 200), // option 53 runs past the end
      whole.subarray(0, 243), // no END
    ];
    for (const bytes of junk) client.send(bytes);
    await received(junk.length);
    expect(server.stats.malformed).toBe(junk.length);
    expect(events.every(({ name, mac }) => name === "ignored" && mac === null)).toBe(true);
    expect(Object.fromEntries(server.stats.ignoredByReason)).toEqual({
      "too-short": 2,
      "not-a-request": 1,
      "bad-op": 1,
      "bad-hlen": 1,
      "bad-cookie": 1,
      "truncated-option": 1,
      "missing-end": 1,
    });
    expect(new Set(events.map(({ detail }) => detail["reason"]))).toEqual(
      new Set(server.stats.ignoredByReason.keys()),
    );
    expect(await client.ask(discover())).toBeDefined();
  });

  it("D14 answers the honest after ten thousand mutilated packets", async () => {
    const whole = encode(discover({ options: [...ipxe(7), u8Option(OPTION.PARAMETER_REQUEST_LIST, 3)] }));
    let seed = 1;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let sent = 0; sent < 10_000; sent += 100) {
      for (let i = 0; i < 100; i++) {
        const bytes = whole.slice(0, random(5) === 0 ? random(whole.length) : whole.length);
        for (let flips = random(8); flips >= 0; flips--) bytes[random(bytes.length)] = random(256);
        client.send(bytes);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await expect.poll(() => client.ask(discover()), { timeout: 5000 }).toBeDefined();
    expect(server.stats.received).toBeGreaterThan(5000);
    expect(server.stats.failed).toBe(0);
  });

  it("tells of what it ignores once a minute for a machine and a reason, and logs no flood", async () => {
    for (let i = 0; i < 50; i++) client.send(encode(discover({ fields: { giaddr: "10.0.0.1" } })));
    client.send(encode(discover({ mac: OTHER_MAC, fields: { giaddr: "10.0.0.1" } })));
    await received(51);
    expect(events).toEqual(
      [MAC, OTHER_MAC].map((mac) => ({
        mac,
        stage: "dhcp",
        name: "ignored",
        detail: { reason: "unknown-network", count: 1 },
      })),
    );
    expect(server.stats.ignored).toBe(51);
    expect(Object.fromEntries(server.stats.ignoredByReason)).toEqual({ "unknown-network": 51 });
    expect(logged).toEqual(["DHCP started"]);
  });

  it("refuses to start beside a server on the same device and port", async () => {
    await expect(create().start()).rejects.toMatchObject({ name: "NetError", code: "port-in-use" });
  });

  it("refuses a configuration that contradicts itself, with every problem", () => {
    const problems = ["relay.yaml:5: a: overlaps b", "relay.yaml:6: c: overlaps d"];
    expect(() => create({ mode: "refused", problems })).toThrow(
      expect.objectContaining({ code: "networks-contradict", message: problems.join("\n") }),
    );
  });

  it("answers no more once stopped, and stops twice", async () => {
    await server.stop();
    expect(await client.ask(discover(), 100)).toBeUndefined();
    await server.stop();
  });
});
