import { describe, expect, it } from "vitest";
import {
  bytesOption,
  encode,
  getIpv4,
  getIpv4List,
  getOption,
  getText,
  getU32,
  getU8,
  ipv4Option,
  MESSAGE_TYPE,
  OPTION,
  u16Option,
} from "../../../core/dhcp-packet/index.ts";
import { clientId, discover, MAC, message, OTHER_MAC, renew, request } from "./support/client-packets.ts";
import { CONFIG, EngineBench, SERVER, START } from "./support/engine-bench.ts";

const BROADCAST = { address: "255.255.255.255", port: 68 };
const RANGE_START = "192.168.77.50";

/** The codes of a packet's options, in order. */
function codes(packet: { options: readonly { code: number }[] }): number[] {
  return packet.options.map(({ code }) => code);
}

describe("D1 OFFER and ACK", () => {
  const fields = { xid: 0xfeedbeef, secs: 9, flags: 0x8000, hops: 3 };

  it.each([
    ["OFFER", MESSAGE_TYPE.OFFER, discover({ fields })],
    ["ACK", MESSAGE_TYPE.ACK, request(RANGE_START, SERVER, { fields })],
  ])("D1 %s copies what it must and carries 53, 54 and 51", (_, type, packet) => {
    const { packet: reply } = new EngineBench().reply(packet);
    expect(reply).toMatchObject({
      op: 2,
      htype: 1,
      hlen: 6,
      hops: 0,
      secs: 0,
      xid: 0xfeedbeef,
      flags: 0x8000,
      giaddr: "0.0.0.0",
      ciaddr: "0.0.0.0",
      yiaddr: RANGE_START,
      siaddr: "0.0.0.0",
    });
    expect(reply.chaddr).toEqual(packet.chaddr);
    expect(codes(reply).slice(0, 3)).toEqual([53, 54, 51]);
    expect(getU8(reply, OPTION.MESSAGE_TYPE)).toBe(type);
    expect(getIpv4(reply, OPTION.SERVER_IDENTIFIER)).toBe(SERVER);
    expect(getU32(reply, OPTION.IP_ADDRESS_LEASE_TIME)).toBe(3600);
    expect(getU32(reply, OPTION.RENEWAL_TIME)).toBe(1800);
    expect(getU32(reply, OPTION.REBINDING_TIME)).toBe(3150);
  });

  it("D1 gives the network's configuration to a client that asks for nothing in particular", () => {
    const { packet } = new EngineBench().reply(discover());
    expect(getIpv4(packet, OPTION.SUBNET_MASK)).toBe("255.255.255.0");
    expect(getIpv4(packet, OPTION.ROUTER)).toBe("192.168.77.254");
    expect(getIpv4List(packet, OPTION.DOMAIN_NAME_SERVER)).toEqual(["192.168.77.2", "192.168.77.3"]);
    expect(getText(packet, OPTION.DOMAIN_NAME)).toBe("lab.example");
    expect(getIpv4(packet, OPTION.BROADCAST_ADDRESS)).toBe("192.168.77.255");
  });

  it("says nothing of a router, name servers or a domain that are not configured", () => {
    const { router: _, domain: __, ...bare } = CONFIG;
    const { packet } = new EngineBench({ config: { ...bare, dns: [] } }).reply(discover());
    expect(codes(packet)).toEqual([53, 54, 51, 58, 59, 1, 28]);
  });
});

describe("D13 the parameter request list", () => {
  it("D13 gives what is asked for, in that order, after the mask", () => {
    const asked = bytesOption(OPTION.PARAMETER_REQUEST_LIST, Uint8Array.of(15, 3, 42, 1, 15));
    const { packet } = new EngineBench().reply(discover({ options: [asked] }));
    expect(codes(packet)).toEqual([53, 54, 51, 58, 59, 1, 15, 3]);
  });
});

describe("D2 where a reply goes", () => {
  it("D2 goes by broadcast to a client without an address, whatever its flag", () => {
    const bench = new EngineBench();
    expect(bench.reply(discover()).destination).toEqual(BROADCAST);
    expect(bench.reply(request(RANGE_START, SERVER)).destination).toEqual(BROADCAST);
  });

  it("D2 goes to ciaddr where there is one, at the configured client port", () => {
    const bench = new EngineBench({ config: { ...CONFIG, clientPort: 6868 } });
    const address = bench.lease();
    expect(bench.reply(renew(address)).destination).toEqual({ address, port: 6868 });
  });
});

describe("D3 NAK", () => {
  it("D3 holds 53, 54, 56 and 61 only, no address, and is broadcast even to a client with one", () => {
    const bench = new EngineBench();
    const options = [clientId(1, 2, 3)];
    bench.lease({ options });
    const { packet, destination, changes, event } = bench.reply(renew("192.168.77.53", { options }));
    expect(codes(packet)).toEqual([53, 54, 56, 61]);
    expect(getU8(packet, OPTION.MESSAGE_TYPE)).toBe(MESSAGE_TYPE.NAK);
    expect(packet).toMatchObject({ ciaddr: "0.0.0.0", yiaddr: "0.0.0.0", siaddr: "0.0.0.0", file: "" });
    expect(destination).toEqual(BROADCAST);
    expect(changes).toEqual([]);
    expect(event).toMatchObject({
      mac: MAC,
      name: "refused",
      detail: { requested: "192.168.77.53", reason: "another address is yours" },
    });
  });
});

describe("D4 SELECTING", () => {
  it("D4 acknowledges with the server identifier of the offer", () => {
    const bench = new EngineBench();
    const offer = bench.reply(discover()).packet;
    const ack = bench.reply(request(offer.yiaddr, getIpv4(offer, OPTION.SERVER_IDENTIFIER)!)).packet;
    expect(getIpv4(ack, OPTION.SERVER_IDENTIFIER)).toBe(getIpv4(offer, OPTION.SERVER_IDENTIFIER));
    expect(ack.yiaddr).toBe(offer.yiaddr);
  });

  it("D4 is silent when another server is chosen, and frees what was offered", () => {
    const bench = new EngineBench({ config: { ...CONFIG, ranges: [[RANGE_START, RANGE_START]] } });
    bench.reply(discover());
    expect(bench.verdict(discover({ mac: OTHER_MAC }))).toBe("pool-exhausted");
    expect(bench.verdict(request("192.168.77.200", "192.168.77.9"))).toBe("other-server-chosen");
    expect(bench.reply(discover({ mac: OTHER_MAC })).packet.yiaddr).toBe(RANGE_START);
  });

  it("acknowledges without an offer on record if the address is free, and refuses another's", () => {
    const bench = new EngineBench();
    expect(bench.verdict(request(RANGE_START, SERVER))).toBe("ack");
    expect(bench.verdict(request(RANGE_START, SERVER, { mac: OTHER_MAC }))).toBe("nak");
    expect(bench.verdict(request("192.168.77.53", SERVER, { mac: OTHER_MAC }))).toBe("ack");
  });

  it.each([
    ["outside the range", "192.168.77.49"],
    ["of another network", "10.0.0.9"],
    ["of the server", SERVER],
    ["of nobody", "0.0.0.0"],
  ])("refuses an address %s", (_, address) => {
    expect(new EngineBench().verdict(request(address, SERVER))).toBe("nak");
  });

  it("refuses an address held for another client's offer", () => {
    const bench = new EngineBench();
    const offered = bench.reply(discover()).packet.yiaddr;
    expect(bench.verdict(request(offered, SERVER, { mac: OTHER_MAC }))).toBe("nak");
    bench.now += 10_000;
    expect(bench.verdict(request(offered, SERVER, { mac: OTHER_MAC }))).toBe("ack");
  });

  it("is silent to a REQUEST that names no address", () => {
    const server = ipv4Option(OPTION.SERVER_IDENTIFIER, SERVER);
    expect(new EngineBench().verdict(message(MESSAGE_TYPE.REQUEST, { options: [server] }))).toBe(
      "no-address-named",
    );
  });
});

describe("D5 INIT-REBOOT", () => {
  it("D5 refuses an address of the wrong network, known client or not", () => {
    const bench = new EngineBench();
    expect(bench.verdict(request("10.9.9.9", null))).toBe("nak");
  });

  it("D5 refuses a known client another address", () => {
    const bench = new EngineBench();
    bench.lease();
    expect(bench.verdict(request("192.168.77.53", null))).toBe("nak");
  });

  it("D5 is silent to an unknown client", () => {
    const bench = new EngineBench();
    expect(bench.verdict(request("192.168.77.53", null))).toBe("unknown-client");
    expect(bench.leases.byAddress("192.168.77.53")).toBeUndefined();
  });

  it("D5 acknowledges a known client its address, also after the lease ran out", () => {
    const bench = new EngineBench();
    const address = bench.lease();
    expect(bench.verdict(request(address, null))).toBe("ack");
    bench.now += 7_200_000;
    expect(bench.verdict(request(address, null))).toBe("ack");
    expect(bench.leases.byAddress(address)?.expiresAt).toBe(START + 7_200_000 + 3_600_000);
  });
});

describe("D6 RENEWING and REBINDING", () => {
  it("D6 acknowledges to ciaddr, with the same address and a new end", () => {
    const bench = new EngineBench();
    const address = bench.lease();
    bench.now += 1_800_000;
    const { packet, destination, changes } = bench.reply(renew(address));
    expect(packet).toMatchObject({ yiaddr: address, ciaddr: address });
    expect(destination).toEqual({ address, port: 68 });
    expect(changes).toMatchObject([
      { kind: "bind", lease: { address, expiresAt: START + 1_800_000 + 3_600_000 } },
    ]);
  });

  it("D6 takes a renewal that repeats 50 and 54 for one", () => {
    const bench = new EngineBench();
    const address = bench.lease();
    expect(bench.verdict(request(address, SERVER, { fields: { ciaddr: address } }))).toBe("ack");
  });

  it("D6 is silent to a client whose lease it does not know", () => {
    expect(new EngineBench().verdict(renew("192.168.77.52"))).toBe("unknown-client");
  });
});

describe("D7 INFORM", () => {
  it("D7 acknowledges to ciaddr, with no address, no times and no binding", () => {
    const bench = new EngineBench();
    const fields = { ciaddr: "192.168.77.200" };
    const { packet, destination, changes, event } = bench.reply(message(MESSAGE_TYPE.INFORM, { fields }));
    expect(packet).toMatchObject({ yiaddr: "0.0.0.0", ciaddr: "192.168.77.200" });
    expect(codes(packet)).toEqual([53, 54, 1, 3, 6, 15, 28]);
    expect(getU8(packet, OPTION.MESSAGE_TYPE)).toBe(MESSAGE_TYPE.ACK);
    expect(destination).toEqual({ address: "192.168.77.200", port: 68 });
    expect(changes).toEqual([]);
    expect(event?.name).toBe("informed");
    expect(bench.leases.byAddress("192.168.77.200")).toBeUndefined();
  });

  it("D7 sends nothing to an address outside its network", () => {
    const fields = { ciaddr: "203.0.113.7" };
    expect(new EngineBench().verdict(message(MESSAGE_TYPE.INFORM, { fields }))).toBe("not-in-subnet");
  });
});

describe("D12 the size of a reply", () => {
  it.each([
    ["is 576 with headers if the client does not say", [], 548],
    ["follows option 57", [u16Option(OPTION.MAXIMUM_MESSAGE_SIZE, 1000)], 972],
    ["ignores a 57 below 576", [u16Option(OPTION.MAXIMUM_MESSAGE_SIZE, 300)], 548],
    ["stays within the MTU", [u16Option(OPTION.MAXIMUM_MESSAGE_SIZE, 9000)], 1472],
  ])("D12 %s", (_, options, expected) => {
    const { packet, maxBytes } = new EngineBench().reply(discover({ options }));
    expect(maxBytes).toBe(expected);
    const { length } = encode(packet, { maxBytes });
    expect(length).toBeGreaterThanOrEqual(300);
    expect(length).toBeLessThanOrEqual(expected);
  });
});

describe("D19 the client identifier", () => {
  it("D19 comes back if it was sent, and only then", () => {
    const bench = new EngineBench();
    const options = [clientId(255, 1, 2, 3)];
    const offer = bench.reply(discover({ options })).packet;
    expect(getOption(offer, OPTION.CLIENT_IDENTIFIER)).toEqual(Uint8Array.of(255, 1, 2, 3));
    expect(getOption(bench.reply(discover()).packet, OPTION.CLIENT_IDENTIFIER)).toBeUndefined();
  });
});

describe("what is no client's message", () => {
  it.each([
    ["an OFFER", message(MESSAGE_TYPE.OFFER)],
    ["a packet without option 53", discover({ fields: { options: [] } })],
  ])("is silent to %s", (_, packet) => {
    expect(new EngineBench().verdict(packet)).toBe("no-client-message");
  });

  it("is silent to a client without a hardware address", () => {
    const packet = discover({ fields: { hlen: 0, chaddr: new Uint8Array() } });
    expect(new EngineBench().verdict(packet)).toBe("no-hardware-address");
  });
});
