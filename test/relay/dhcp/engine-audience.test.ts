import { describe, expect, it } from "vitest";
import {
  bytesOption,
  decode,
  encode,
  getIpv4List,
  getOption,
  getText,
  getU16,
  MESSAGE_TYPE,
  OPTION,
  textOption,
} from "../../../core/dhcp-packet/index.ts";
import { classifyClient } from "../../../core/pxe/boot-client.ts";
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
import { CONFIG, EngineBench, machine, SERVER } from "./support/engine-bench.ts";

/** The n-th stranger's MAC. */
function stranger(n: number): string {
  return `02:00:00:00:00:${n.toString(16).padStart(2, "0")}`;
}

describe("who is answered", () => {
  it("answer: registered leaves strangers to somebody else", () => {
    const bench = new EngineBench({
      config: { ...CONFIG, answer: "registered" },
      machines: [machine({ macs: [MAC] })],
    });
    expect(bench.verdict(discover({ mac: OTHER_MAC }))).toBe("not-registered");
    expect(bench.verdict(request("192.168.77.50", SERVER, { mac: OTHER_MAC }))).toBe("not-registered");
    expect(bench.lease()).toBe("192.168.77.50");
  });

  it("answer: registered knows a machine by the UUID that its firmware tells", () => {
    const packet = discover({ mac: OTHER_MAC, options: firmware(7) });
    const { uuid } = classifyClient(packet);
    const bench = new EngineBench({
      config: { ...CONFIG, answer: "registered" },
      machines: [machine({ uuid: uuid!.toUpperCase() })],
    });
    expect(bench.verdict(packet)).toBe("offer");
    expect(bench.verdict(discover({ mac: OTHER_MAC }))).toBe("not-registered");
  });

  it("vendor classes leave others alone", () => {
    const bench = new EngineBench({ config: { ...CONFIG, vendorClasses: ["PXEClient", "HTTPClient"] } });
    expect(bench.verdict(discover({ options: firmware(7) }))).toBe("offer");
    expect(bench.verdict(discover({ options: firmware(16, "HTTPClient") }))).toBe("offer");
    expect(bench.verdict(discover())).toBe("other-vendor-class");
    expect(bench.verdict(discover({ options: [textOption(60, "MSFT 5.0")] }))).toBe("other-vendor-class");
  });

  it("D5 an authoritative server refuses what it knows nothing of", () => {
    const bench = new EngineBench({ config: { ...CONFIG, authoritative: true } });
    expect(bench.verdict(request("192.168.77.52", null))).toBe("nak");
    expect(bench.verdict(renew("192.168.77.52"))).toBe("nak");
  });
});

describe("what a network gives", () => {
  const config = {
    ...CONFIG,
    ntp: ["192.168.77.7"],
    mtu: 9000,
    options: [textOption(252, "http://wpad/"), bytesOption(43, Uint8Array.of(1, 1, 7))],
  };

  it("NTP, MTU and options by their code", () => {
    const { packet } = new EngineBench({ config }).reply(discover());
    expect(getIpv4List(packet, OPTION.NTP_SERVERS)).toEqual(["192.168.77.7"]);
    expect(getU16(packet, OPTION.INTERFACE_MTU)).toBe(9000);
    expect(getText(packet, 252)).toBe("http://wpad/");
    expect(getOption(packet, 43)).toEqual(Uint8Array.of(1, 1, 7));
  });

  it("D13 an option by its code is given to who asks for it only", () => {
    const asked = bytesOption(OPTION.PARAMETER_REQUEST_LIST, Uint8Array.of(1, 42));
    const { packet } = new EngineBench({ config }).reply(discover({ options: [asked] }));
    expect(packet.options.map(({ code }) => code)).toEqual([53, 54, 51, 58, 59, 1, 42]);
  });

  it("P26 what boots a BIOS ROM comes before a 43 of the configuration", () => {
    const { packet, maxBytes } = new EngineBench({ config }).reply(discover({ options: firmware(0) }));
    const reply = decode(encode(packet, { maxBytes }));
    expect(getOption(reply, 43)).toEqual(Uint8Array.of(6, 1, 8, 255));
  });
});

describe("what is kept for machines that the site knows", () => {
  const ranges = [["192.168.77.50", "192.168.77.69"]] as const;
  const known = machine({ macs: [MAC] });

  it("the end of the pool, a tenth at most, when strangers want it all", () => {
    const machines = [known, machine({ id: "m2", macs: [OTHER_MAC] })];
    const bench = new EngineBench({ config: { ...CONFIG, ranges }, machines });
    for (let n = 0; n < 18; n++) bench.lease({ mac: stranger(n) });
    expect(bench.verdict(discover({ mac: stranger(99) }))).toBe("pool-exhausted");
    expect(bench.verdict(request("192.168.77.69", SERVER, { mac: stranger(99) }))).toBe("nak");
    expect(bench.lease()).toBe("192.168.77.68");
    expect(bench.lease({ mac: OTHER_MAC })).toBe("192.168.77.69");
  });

  it("nothing while no machine needs it", () => {
    const machines = [machine({ macs: [MAC], address: "192.168.77.9" })];
    const bench = new EngineBench({ config: { ...CONFIG, ranges }, machines });
    const leased = Array.from({ length: 20 }, (_, n) => bench.lease({ mac: stranger(n) }));
    expect(new Set(leased).size).toBe(20);
  });

  it("a stranger keeps a lease that it had before", () => {
    const bench = new EngineBench({ config: { ...CONFIG, ranges } });
    const addresses = Array.from({ length: 20 }, (_, n) => bench.lease({ mac: stranger(n) }));
    expect(new Set(addresses).size).toBe(20);
    bench.setMachines([known]);
    expect(bench.verdict(renew("192.168.77.69", { mac: stranger(19) }))).toBe("ack");
    expect(bench.lease({ mac: stranger(19) })).toBe("192.168.77.69");
  });
});

describe("reservations that contradict each other", () => {
  it("the first one counts", () => {
    const address = "192.168.77.10";
    const machines = [
      machine({ macs: [MAC], address }),
      machine({ id: "m2", name: "node-2", macs: [OTHER_MAC], address }),
    ];
    const bench = new EngineBench({ machines });
    expect(bench.lease()).toBe(address);
    expect(bench.lease({ mac: OTHER_MAC })).toBe("192.168.77.50");
  });
});

describe("D16 addresses that are known to be free", () => {
  const config = { ...CONFIG, probe: true };

  it("D16 come first, in the order of their probing", () => {
    const bench = new EngineBench({ config });
    bench.pool.knownFree.add("192.168.77.52", bench.now);
    bench.pool.knownFree.add("192.168.77.51", bench.now);
    expect(bench.lease()).toBe("192.168.77.52");
    expect(bench.lease({ mac: OTHER_MAC })).toBe("192.168.77.51");
  });

  it("D16 an address asked for is given if it is known to be free", () => {
    const bench = new EngineBench({ config });
    bench.pool.knownFree.add("192.168.77.51", bench.now);
    bench.pool.knownFree.add("192.168.77.53", bench.now);
    const asking = (address: string) => ({
      options: [bytesOption(50, Uint8Array.of(192, 168, 77, Number(address)))],
    });
    expect(bench.reply(discover(asking("53"))).packet.yiaddr).toBe("192.168.77.53");
    expect(bench.reply(discover({ mac: OTHER_MAC, ...asking("52") })).packet.yiaddr).toBe("192.168.77.51");
  });

  it("D16 beyond the stock an address is offered at once, and is the next to be probed", () => {
    const bench = new EngineBench({ config });
    const { yiaddr } = bench.reply(discover()).packet;
    expect(bench.pool.toProbe(1, 0, bench.now)).toEqual([yiaddr]);
  });

  it("D16 what is probed is free, not reserved, not quarantined, not known already", () => {
    const machines = [machine({ macs: [OTHER_MAC], address: "192.168.77.51" })];
    const bench = new EngineBench({ config, machines });
    const leased = bench.lease();
    bench.pool.toProbe(9, 0, bench.now);
    expect(leased).toBe("192.168.77.50");
    bench.leases.stage({
      kind: "quarantine",
      quarantine: { address: "192.168.77.52", until: bench.now + 1000 },
    });
    expect(bench.pool.toProbe(9, 9, bench.now)).toEqual(["192.168.77.53"]);
    bench.pool.knownFree.add("192.168.77.53", bench.now);
    expect(bench.pool.toProbe(9, 9, bench.now)).toEqual([]);
  });

  it("D16 a client's own address needs no probe", () => {
    const bench = new EngineBench({ config });
    const address = bench.lease();
    bench.now += 4_000_000;
    bench.pool.knownFree.add("192.168.77.53", bench.now);
    expect(bench.lease()).toBe(address);
  });

  it("D16 a conflict found after the OFFER ends in a NAK", () => {
    const bench = new EngineBench({ config });
    const { yiaddr } = bench.reply(discover()).packet;
    bench.leases.stage({ kind: "quarantine", quarantine: { address: yiaddr, until: bench.now + 1000 } });
    expect(bench.verdict(request(yiaddr, SERVER))).toBe("nak");
  });
});

describe("who gives an address back is heard, whoever it is", () => {
  it("also a machine that is registered no more", () => {
    const bench = new EngineBench({
      config: { ...CONFIG, answer: "registered" },
      machines: [machine({ macs: [MAC] })],
    });
    const address = bench.lease({ options: ipxe(7) });
    bench.setMachines([]);
    expect(bench.verdict(message(MESSAGE_TYPE.RELEASE, { fields: { ciaddr: address } }))).toBe("released");
  });
});
