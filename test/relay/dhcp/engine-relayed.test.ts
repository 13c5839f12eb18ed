import { describe, expect, it } from "vitest";
import {
  bytesOption,
  decode,
  type DhcpOption,
  encode,
  encodeSubOptions,
  getIpv4,
  getOption,
  getU8,
  ipv4Option,
  MESSAGE_TYPE,
  OPTION,
} from "../../../core/dhcp-packet/index.ts";
import { clientId, discover, MAC, message, OTHER_MAC, renew, request } from "./support/client-packets.ts";
import { CONFIG, EngineBench, INTERFACE, machine, SERVER } from "./support/engine-bench.ts";
import { serverConfig } from "./support/server-config.ts";

const AGENT = "10.20.0.2";
const SETTINGS = serverConfig({});
const RELAYED = {
  ...SETTINGS,
  network: "10.20.0.0/16",
  ranges: [
    ["10.20.1.1", "10.20.1.2"],
    ["10.20.2.1", "10.20.2.2"],
  ] as const,
  exclude: [["10.20.1.2", "10.20.1.2"]] as const,
  router: "10.20.0.1",
  dns: ["10.20.0.3"],
  leaseSeconds: 600,
};
const CONFIGURED = { ...CONFIG, subnets: [RELAYED] };
const fields = { giaddr: AGENT, hops: 1 };

/** Option 82 of sub-options. */
function agentOption(...parts: readonly (readonly [code: number, ...bytes: number[]])[]): DhcpOption {
  const options = parts.map(([code, ...bytes]) => ({ code, data: Uint8Array.from(bytes) }));
  return bytesOption(OPTION.RELAY_AGENT_INFORMATION, encodeSubOptions(options));
}

const PORT_7 = agentOption([1, 0, 7], [2, 0xaa, 0xbb]);

describe("D18 packets of relay agents", () => {
  it("D2 D18 giaddr chooses the network, and replies go to it at the server's port", () => {
    const bench = new EngineBench({ config: CONFIGURED });
    const { packet, destination } = bench.reply(discover({ fields }));
    expect(destination).toEqual({ address: AGENT, port: 67 });
    expect(packet).toMatchObject({ yiaddr: "10.20.1.1", giaddr: AGENT, hops: 0 });
    expect(getIpv4(packet, OPTION.SERVER_IDENTIFIER)).toBe(SERVER);
    expect(getIpv4(packet, OPTION.SUBNET_MASK)).toBe("255.255.0.0");
    expect(getIpv4(packet, OPTION.ROUTER)).toBe("10.20.0.1");
    const ack = bench.reply(request("10.20.1.1", SERVER, { fields }));
    expect(ack.destination).toEqual({ address: AGENT, port: 67 });
    expect(ack.changes).toMatchObject([{ lease: { subnet: "10.20.0.0/16", address: "10.20.1.1" } }]);
  });

  it("goes through the ranges in their order, past what is excluded", () => {
    const bench = new EngineBench({ config: CONFIGURED });
    const addresses = [1, 2, 3].map((n) => bench.lease({ mac: `02:00:00:00:00:0${n}`, fields }));
    expect(addresses).toEqual(["10.20.1.1", "10.20.2.1", "10.20.2.2"]);
    expect(bench.verdict(discover({ fields }))).toBe("pool-exhausted");
    expect(bench.verdict(request("10.20.1.2", SERVER, { fields }))).toBe("nak");
  });

  it("gives an excluded address to the machine that it is reserved for", () => {
    const machines = [machine({ macs: [MAC], address: "10.20.1.2" })];
    const bench = new EngineBench({ config: CONFIGURED, machines });
    expect(bench.lease({ fields })).toBe("10.20.1.2");
  });

  it("D18 is silent to an agent of a network that is not served", () => {
    const bench = new EngineBench({ config: CONFIGURED });
    expect(bench.verdict(discover({ fields: { giaddr: "10.99.0.1" } }))).toBe("unknown-network");
  });

  it("D18 option 82 goes back byte for byte and last, in OFFER, ACK and NAK", () => {
    const bench = new EngineBench({ config: CONFIGURED });
    // Also what makes no sense as sub-options.
    for (const option of [
      PORT_7,
      bytesOption(OPTION.RELAY_AGENT_INFORMATION, Uint8Array.of(9, 200, 0, 255)),
    ]) {
      const parts = { fields, options: [option, clientId(1, 2, 3)] };
      const packets = [
        discover(parts),
        request("10.20.1.1", SERVER, parts),
        request("10.20.9.9", SERVER, parts),
        message(MESSAGE_TYPE.INFORM, { ...parts, fields: { ...fields, ciaddr: "10.20.9.9" } }),
      ];
      for (const packet of packets) {
        const { packet: reply, maxBytes } = bench.reply(packet);
        const last = decode(encode(reply, { maxBytes })).options.at(-1);
        expect(last).toEqual(option);
      }
    }
  });

  it("D18 option 82 without giaddr means nothing and does not go back", () => {
    const bench = new EngineBench({ config: { ...CONFIG, leasesPerPort: 1 } });
    const options = [PORT_7];
    expect(getOption(bench.reply(discover({ options })).packet, 82)).toBeUndefined();
    expect(bench.lease({ options })).toBe("192.168.77.50");
    expect(bench.lease({ mac: OTHER_MAC, options })).toBe("192.168.77.51");
  });

  it("D18 the link selection (5) chooses the network, giaddr the way back", () => {
    const bench = new EngineBench({ config: CONFIGURED });
    const options = [agentOption([5, 10, 20, 0, 0])];
    const { packet, destination } = bench.reply(discover({ options, fields: { giaddr: "172.16.0.1" } }));
    expect(packet.yiaddr).toBe("10.20.1.1");
    expect(destination.address).toBe("172.16.0.1");
  });

  it("D18 the server identifier override (11) becomes option 54, and is ours when it comes back", () => {
    const bench = new EngineBench({ config: CONFIGURED });
    const options = [agentOption([11, 10, 20, 0, 2])];
    const { packet } = bench.reply(discover({ options, fields }));
    expect(getIpv4(packet, OPTION.SERVER_IDENTIFIER)).toBe(AGENT);
    expect(bench.verdict(request("10.20.1.1", AGENT, { options, fields }))).toBe("ack");
    expect(bench.verdict(request("10.20.1.1", AGENT, { fields }))).toBe("other-server-chosen");
  });

  it("D3 a NAK goes to giaddr with the broadcast bit, for the agent to broadcast", () => {
    const bench = new EngineBench({ config: CONFIGURED });
    const { packet, destination } = bench.reply(request("192.168.77.50", null, { fields }));
    expect(getU8(packet, OPTION.MESSAGE_TYPE)).toBe(MESSAGE_TYPE.NAK);
    expect(packet.flags & 0x8000).toBe(0x8000);
    expect(destination).toEqual({ address: AGENT, port: 67 });
  });

  it("D6 a relayed client renews by itself, from its own address", () => {
    const bench = new EngineBench({ config: CONFIGURED });
    const address = bench.lease({ fields });
    const { packet, destination } = bench.reply(renew(address));
    expect(packet.yiaddr).toBe(address);
    expect(destination).toEqual({ address, port: 68 });
    bench.handle(
      message(MESSAGE_TYPE.RELEASE, {
        fields: { ciaddr: address },
        options: [ipv4Option(OPTION.SERVER_IDENTIFIER, SERVER)],
      }),
    );
    expect(bench.leases.macByAddress(address)).toBeUndefined();
  });

  it("keeps a client's leases in two networks apart", () => {
    const bench = new EngineBench({ config: CONFIGURED });
    const [local, relayed] = [bench.lease(), bench.lease({ fields })];
    expect(bench.verdict(renew(local))).toBe("ack");
    expect(bench.verdict(renew(relayed))).toBe("ack");
  });
});

describe("the limit of a switch port", () => {
  const config = {
    ...CONFIGURED,
    leasesPerPort: 2,
    subnets: [{ ...RELAYED, ranges: [["10.20.1.1", "10.20.1.99"]] as const }],
  };
  const from = (n: number, option = PORT_7) => ({
    mac: `02:00:00:00:01:${n.toString(16).padStart(2, "0")}`,
    options: [option],
    fields,
  });

  it("ends what one port may hold, by offers and by leases, and leaves the others alone", () => {
    const bench = new EngineBench({ config });
    bench.lease(from(1));
    bench.reply(discover(from(2)));
    expect(bench.verdict(discover(from(3)))).toBe("port-limit");
    expect(bench.verdict(request("10.20.1.50", SERVER, from(3)))).toBe("nak");
    expect(bench.verdict(discover(from(3, agentOption([1, 0, 8]))))).toBe("offer");
    // Who has a lease keeps it, and an offer that is not taken up runs out.
    expect(bench.lease(from(1))).toBe("10.20.1.1");
    bench.now += 10_000;
    expect(bench.verdict(discover(from(3)))).toBe("offer");
  });

  it("holds after a restart", () => {
    const before = new EngineBench({ config });
    before.lease(from(1));
    before.lease(from(2));
    const bench = new EngineBench({ config, leases: before.leases });
    expect(bench.verdict(discover(from(3)))).toBe("port-limit");
    bench.now += 600_000;
    expect(bench.verdict(discover(from(3)))).toBe("offer");
  });
});

describe("several networks on one wire", () => {
  const info = {
    ...INTERFACE,
    others: [{ address: "192.168.78.1", netmask: "255.255.255.0", broadcast: "192.168.78.255" }],
  };
  const second = {
    ...SETTINGS,
    network: "192.168.78.0/24",
    ranges: [["192.168.78.50", "192.168.78.51"]] as const,
  };
  const config = { ...CONFIG, ranges: [["192.168.77.50", "192.168.77.50"]] as const, subnets: [second] };

  it("go on where the first is full, each with our address in it", () => {
    const bench = new EngineBench({ config, info });
    expect(bench.lease()).toBe("192.168.77.50");
    const { packet } = bench.reply(discover({ mac: OTHER_MAC }));
    expect(packet.yiaddr).toBe("192.168.78.50");
    expect(getIpv4(packet, OPTION.SERVER_IDENTIFIER)).toBe("192.168.78.1");
    expect(bench.verdict(request("192.168.78.50", "192.168.78.1", { mac: OTHER_MAC }))).toBe("ack");
    // It comes back to where it was, though the first network has room again.
    bench.handle(message(MESSAGE_TYPE.RELEASE, { fields: { ciaddr: "192.168.77.50" } }));
    expect(bench.reply(discover({ mac: OTHER_MAC })).packet.yiaddr).toBe("192.168.78.50");
    expect(bench.verdict(request("192.168.78.50", null, { mac: OTHER_MAC }))).toBe("ack");
  });

  it("a reservation decides on the network", () => {
    const bench = new EngineBench({
      config,
      info,
      machines: [machine({ macs: [MAC], address: "192.168.78.9" })],
    });
    expect(bench.reply(discover()).packet.yiaddr).toBe("192.168.78.9");
  });
});
