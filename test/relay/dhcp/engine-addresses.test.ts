import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ipv4Option, MESSAGE_TYPE, OPTION, textOption } from "../../../core/dhcp-packet/index.ts";
import { QUARANTINE_MS } from "../../../relay/dhcp/engine.ts";
import { createSubnet } from "../../../relay/dhcp/subnet.ts";
import {
  clientId,
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

const FIRST = "192.168.77.50";
const ONE_ADDRESS = { ...CONFIG, ranges: [[FIRST, FIRST] as const] };

/** The n-th stranger's MAC. */
function stranger(n: number): string {
  return `02:00:00:00:00:${n.toString(16).padStart(2, "0")}`;
}

function decline(address: string, parts: Parameters<typeof message>[1] = {}) {
  const options = [
    ipv4Option(OPTION.REQUESTED_IP_ADDRESS, address),
    ipv4Option(OPTION.SERVER_IDENTIFIER, SERVER),
    ...(parts.options ?? []),
  ];
  return message(MESSAGE_TYPE.DECLINE, { ...parts, options });
}

function release(address: string, parts: Parameters<typeof message>[1] = {}) {
  const options = [ipv4Option(OPTION.SERVER_IDENTIFIER, SERVER), ...(parts.options ?? [])];
  return message(MESSAGE_TYPE.RELEASE, { ...parts, options, fields: { ciaddr: address } });
}

describe("D8 DECLINE", () => {
  it("D8 quarantines the address, also for a server that starts anew, without a reply", () => {
    const bench = new EngineBench({ config: ONE_ADDRESS });
    const address = bench.lease();
    const outcome = bench.handle(decline(address));
    expect(outcome).toMatchObject({
      kind: "silent",
      reason: "declined",
      event: { mac: MAC, stage: "dhcp", name: "declined", detail: { address } },
    });
    expect(bench.verdict(discover())).toBe("pool-exhausted");
    expect(bench.verdict(request(address, SERVER, { mac: OTHER_MAC }))).toBe("nak");

    const restarted = new EngineBench({ config: ONE_ADDRESS, leases: bench.leases });
    expect(restarted.verdict(discover({ mac: OTHER_MAC }))).toBe("pool-exhausted");
    restarted.now += QUARANTINE_MS;
    expect(restarted.verdict(discover({ mac: OTHER_MAC }))).toBe("offer");
  });

  it.each([
    ["somebody else's", { mac: OTHER_MAC }],
    ["one with another client identifier", { options: [clientId(9, 9, 9)] }],
    [
      "one with the client's identifier from other hardware",
      { mac: OTHER_MAC, options: [clientId(1, 82, 84, 0, 0, 0, 1)] },
    ],
  ])("D8 ignores %s", (_, parts) => {
    const bench = new EngineBench();
    const address = bench.lease();
    expect(bench.verdict(decline(address, parts))).toBe("not-the-holder");
    expect(bench.verdict(renew(address))).toBe("ack");
  });

  it("D8 ignores one that is meant for another server", () => {
    const bench = new EngineBench();
    const address = bench.lease();
    const options = [
      ipv4Option(OPTION.REQUESTED_IP_ADDRESS, address),
      ipv4Option(OPTION.SERVER_IDENTIFIER, "192.168.77.9"),
    ];
    expect(bench.verdict(message(MESSAGE_TYPE.DECLINE, { options }))).toBe("not-the-holder");
  });
});

describe("D9 RELEASE", () => {
  it("D9 frees the address without a reply; who returns gets it again while it is free", () => {
    const bench = new EngineBench();
    const address = bench.lease();
    expect(bench.handle(release(address))).toMatchObject({
      kind: "silent",
      reason: "released",
      event: { name: "released", detail: { address } },
    });
    expect(bench.lease({ mac: OTHER_MAC })).not.toBe(address);
    expect(bench.lease()).toBe(address);
  });

  it("D9 gives a released address to another when there is no other", () => {
    const bench = new EngineBench({ config: ONE_ADDRESS });
    const address = bench.lease();
    expect(bench.verdict(discover({ mac: OTHER_MAC }))).toBe("pool-exhausted");
    bench.handle(release(address));
    expect(bench.lease({ mac: OTHER_MAC })).toBe(address);
    expect(bench.verdict(request(address, null))).toBe("unknown-client");
  });

  it.each([
    ["somebody else's", { mac: OTHER_MAC }],
    ["one with another client identifier", { options: [clientId(9, 9, 9)] }],
  ])("D9 ignores %s", (_, parts) => {
    const bench = new EngineBench();
    const address = bench.lease();
    expect(bench.verdict(release(address, parts))).toBe("not-the-holder");
    expect(bench.leases.macByAddress(address)).toBe(MAC);
  });
});

describe("D10 who a client is", () => {
  const rom = { options: [...firmware(7), clientId(0, 1, 2, 3, 4)] };
  const chained = { options: [...ipxe(7), clientId(1, 0x52, 0x54, 0, 0, 0, 1)] };
  const system = { options: [clientId(255, 10, 11, 12, 13)] };

  it("D10 is option 61 if it is sent, whatever the hardware", () => {
    const bench = new EngineBench();
    const address = bench.lease(system);
    expect(bench.lease({ ...system, mac: OTHER_MAC })).toBe(address);
    expect(bench.leases.macByAddress(address)).toBe(OTHER_MAC);
  });

  it("D10 is hardware type and address otherwise, and 01 + MAC in option 61 is the same", () => {
    const bench = new EngineBench();
    const address = bench.lease();
    expect(bench.leases.byAddress(address)?.clientKey).toBe("01525400000001");
    expect(bench.verdict(renew(address, { options: [clientId(1, 0x52, 0x54, 0, 0, 0, 1)] }))).toBe("ack");
  });

  it("D10 a boot of ROM, iPXE and system takes one address, again and again", () => {
    const bench = new EngineBench({ config: ONE_ADDRESS });
    const addresses = [rom, chained, system, rom, chained, system].map((parts) => bench.lease(parts));
    expect(addresses).toEqual(Array.from({ length: 6 }, () => FIRST));
    expect(bench.verdict(discover({ mac: OTHER_MAC }))).toBe("pool-exhausted");
  });

  it("D10 as many machines as addresses boot through three identities each", () => {
    const bench = new EngineBench();
    const machines = [1, 2, 3, 4].map(stranger);
    for (const parts of [rom, chained, system]) {
      const addresses = machines.map((mac, i) => {
        // Each machine's identities are its own.
        const options = parts.options.map((option) =>
          option.code === OPTION.CLIENT_IDENTIFIER
            ? { ...option, data: Uint8Array.of(...option.data, i) }
            : option,
        );
        return bench.lease({ mac, options });
      });
      expect(new Set(addresses).size).toBe(4);
    }
  });

  it("D10 a system that comes back to its address after the firmware had it is acknowledged", () => {
    const bench = new EngineBench();
    const address = bench.lease(system);
    expect(bench.lease(rom)).toBe(address);
    expect(bench.verdict(request(address, null, system))).toBe("ack");
    expect(bench.verdict(request("192.168.77.53", null, rom))).toBe("nak");
  });

  it("D10 two systems on one hardware address have an address each, until there is none left", () => {
    const bench = new EngineBench({ config: { ...CONFIG, ranges: [[FIRST, "192.168.77.51"]] } });
    const first = bench.lease({ options: [clientId(2, 1)] });
    const second = bench.lease({ options: [clientId(2, 2)] });
    expect(second).not.toBe(first);
    expect(bench.verdict(renew(first, { options: [clientId(2, 1)] }))).toBe("ack");
    expect(bench.verdict(renew(second, { options: [clientId(2, 2)] }))).toBe("ack");
    expect(bench.verdict(request("192.168.77.53", null, { options: [clientId(2, 3)] }))).toBe(
      "unknown-client",
    );
    expect([first, second]).toContain(bench.lease({ options: [clientId(2, 3)] }));
  });

  it("D10 an unanswered offer holds its address for ten seconds only", () => {
    const bench = new EngineBench({ config: ONE_ADDRESS });
    bench.reply(discover());
    expect(bench.reply(discover()).packet.yiaddr).toBe(FIRST);
    expect(bench.verdict(discover({ mac: OTHER_MAC }))).toBe("pool-exhausted");
    bench.now += 10_000;
    expect(bench.verdict(discover({ mac: OTHER_MAC }))).toBe("offer");
  });

  it("never acknowledges one address to two machines at a time, whatever they ask for", () => {
    const step = fc.record({
      machine: fc.nat(6),
      identity: fc.nat(2),
      kind: fc.constantFrom("lease", "discover", "select", "reboot", "renew", "release", "decline"),
      address: fc.integer({ min: 49, max: 54 }),
      pauseMs: fc.constantFrom(0, 0, 1000, 11_000, 1_900_000),
    });
    const run = (steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]): void => {
      const bench = new EngineBench();
      const owners = new Map<string, { mac: string; clientKey: string; until: number }>();
      for (const { machine, identity, kind, address: host, pauseMs } of steps) {
        bench.now += pauseMs;
        const mac = stranger(machine);
        const parts = { mac, options: [[], [clientId(255, machine)], firmware(0)][identity]! };
        const named = `192.168.77.${host}`;
        const packet = {
          lease: () => {
            const outcome = bench.handle(discover(parts));
            return request(outcome.kind === "reply" ? outcome.packet.yiaddr : named, SERVER, parts);
          },
          discover: () => discover(parts),
          select: () => request(named, SERVER, parts),
          reboot: () => request(named, null, parts),
          renew: () => renew(named, parts),
          release: () => release(named, parts),
          decline: () => decline(named, parts),
        }[kind]();
        const outcome = bench.handle(packet);
        for (const change of outcome.changes) {
          if (change.kind === "release") owners.delete(change.address);
          if (change.kind === "quarantine") owners.delete(change.quarantine.address);
          if (change.kind !== "bind") continue;
          const { address, clientKey, expiresAt } = change.lease;
          // A client that takes another address has left the one before.
          for (const [held, { clientKey: key }] of owners)
            if (key === clientKey && held !== address) owners.delete(held);
          const owner = owners.get(address);
          expect(owner !== undefined && owner.until > bench.now ? owner.mac : mac).toBe(mac);
          owners.set(address, { mac, clientKey, until: expiresAt });
          expect(bench.subnet.inRange(address)).toBe(true);
        }
      }
    };
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), run), {
      numRuns: 300,
    });
  });
});

describe("D11 the choice of an address", () => {
  const asking = (address: string) => [ipv4Option(OPTION.REQUESTED_IP_ADDRESS, address)];

  it("D11 prefers the current address to the one asked for", () => {
    const bench = new EngineBench();
    const address = bench.lease();
    expect(bench.lease({ options: asking("192.168.77.53") })).toBe(address);
  });

  it("D11 prefers the previous address to the one asked for", () => {
    const bench = new EngineBench();
    const address = bench.lease();
    bench.now += 4_000_000;
    expect(bench.reply(discover({ options: asking("192.168.77.53") })).packet.yiaddr).toBe(address);
  });

  it("D11 gives the address asked for if it is free", () => {
    const bench = new EngineBench();
    expect(bench.lease({ options: asking("192.168.77.52") })).toBe("192.168.77.52");
    const other = discover({ mac: OTHER_MAC, options: asking("192.168.77.52") });
    expect(bench.reply(other).packet.yiaddr).toBe(FIRST);
  });

  it("D11 gives free addresses in turn, and those that had a client only when there are no others", () => {
    const bench = new EngineBench();
    expect(bench.lease({ mac: stranger(1) })).toBe(FIRST);
    bench.handle(release(FIRST, { mac: stranger(1) }));
    const addresses = [2, 3, 4].map((n) => bench.lease({ mac: stranger(n) }));
    expect(addresses).toEqual(["192.168.77.51", "192.168.77.52", "192.168.77.53"]);
    expect(bench.lease({ mac: stranger(5) })).toBe(FIRST);
  });

  it("D11 gives an expired address to the next client, and the full pool is told", () => {
    const bench = new EngineBench();
    for (const n of [1, 2, 3, 4]) bench.lease({ mac: stranger(n) });
    expect(bench.verdict(discover({ mac: stranger(5) }))).toBe("pool-exhausted");
    bench.now += 3_600_000;
    expect(bench.verdict(discover({ mac: stranger(5) }))).toBe("offer");
  });

  it("D11 gives a reservation to its machine only, also outside the range", () => {
    const machines = [
      machine({ macs: [MAC], address: "192.168.77.10" }),
      machine({ id: "m2", macs: [OTHER_MAC], address: "192.168.77.51" }),
    ];
    const bench = new EngineBench({ machines });
    expect(bench.lease()).toBe("192.168.77.10");
    const others = [1, 2, 3].map((n) => bench.lease({ mac: stranger(n) }));
    expect(others).toEqual([FIRST, "192.168.77.52", "192.168.77.53"]);
    expect(bench.verdict(discover({ mac: stranger(4) }))).toBe("pool-exhausted");
    expect(bench.verdict(request("192.168.77.51", SERVER, { mac: stranger(4) }))).toBe("nak");
    expect(bench.lease({ mac: OTHER_MAC })).toBe("192.168.77.51");
  });

  it("D11 moves a machine to its new reservation when it next asks anew", () => {
    const bench = new EngineBench();
    const address = bench.lease();
    bench.setMachines([machine({ macs: [MAC], address: "192.168.77.10" })]);
    expect(bench.verdict(renew(address))).toBe("ack");
    expect(bench.lease()).toBe("192.168.77.10");
    expect(bench.leases.byAddress(address)).toBeUndefined();
  });

  it("D11 takes an address reserved for another from its holder at the next renewal, not before", () => {
    const bench = new EngineBench();
    const address = bench.lease();
    bench.setMachines([machine({ macs: [OTHER_MAC], address })]);
    expect(bench.lease({ mac: OTHER_MAC })).not.toBe(address);
    expect(bench.verdict(renew(address))).toBe("nak");
    bench.now += 3_600_000;
    expect(bench.lease({ mac: OTHER_MAC })).toBe(address);
  });

  it("D11 gives a machine's reservation to one of its cards at a time", () => {
    const machines = [machine({ macs: [MAC, OTHER_MAC], address: "192.168.77.10" })];
    const bench = new EngineBench({ machines });
    expect(bench.lease()).toBe("192.168.77.10");
    expect(bench.lease({ mac: OTHER_MAC })).toBe(FIRST);
    bench.now += 3_600_000;
    expect(bench.lease({ mac: OTHER_MAC })).toBe("192.168.77.10");
  });

  it("ignores a reservation that lies in another network, or is the server's own", () => {
    for (const address of ["10.0.0.9", SERVER, "192.168.77.255", "192.168.77.254"]) {
      const bench = new EngineBench({ machines: [machine({ macs: [MAC], address })] });
      expect(bench.lease()).toBe(FIRST);
    }
  });

  it("leaves the router and the name servers out of the range", () => {
    const bench = new EngineBench({ config: { ...CONFIG, ranges: [["192.168.77.1", "192.168.77.4"]] } });
    expect(bench.lease()).toBe("192.168.77.4");
    expect(bench.verdict(discover({ mac: OTHER_MAC }))).toBe("pool-exhausted");
  });
});

describe("what a lease remembers", () => {
  it("keeps the host name", () => {
    const bench = new EngineBench();
    const address = bench.lease({ options: [textOption(OPTION.HOST_NAME, "node-7")] });
    expect(bench.leases.byAddress(address)).toMatchObject({ hostname: "node-7", speaker: "system" });
  });
});

describe("createSubnet", () => {
  const info = {
    name: "lo",
    index: 1,
    address: "127.0.0.1",
    netmask: "255.0.0.0",
    broadcast: "127.255.255.255",
    others: [],
    mtu: 65536,
    mac: "00:00:00:00:00:00",
  };

  it("takes any range of the interface's network", () => {
    const subnet = createSubnet(info, { ...CONFIG, ranges: [["127.77.0.50", "127.77.0.99"]] });
    expect(subnet.name).toBe("127.0.0.0/8");
    expect(subnet.inRange("127.77.0.99")).toBe(true);
    expect(subnet.inRange("127.77.0.100")).toBe(false);
    expect(subnet.contains("128.0.0.1")).toBe(false);
  });

  it.each([[["10.0.0.1", "10.0.0.9"]], [["127.0.0.9", "127.0.0.2"]], [["127.0.0.9", "nonsense"]]] as const)(
    "refuses the range %j",
    (range) => {
      expect(() => createSubnet(info, { ...CONFIG, ranges: [range] })).toThrow(
        /does not lie in 127\.0\.0\.0\/8, the network of lo/,
      );
    },
  );
});
