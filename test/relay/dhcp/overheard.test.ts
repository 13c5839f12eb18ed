import { beforeEach, describe, expect, it, test } from "vitest";
import { ipv4Option, MESSAGE_TYPE, OPTION } from "../../../core/dhcp-packet/index.ts";
import { OverheardClients } from "../../../relay/dhcp/overheard.ts";
import { createClientObserver } from "../../../relay/http/observe-client.ts";
import { discover, MAC, message, OTHER_MAC, renew, request } from "./support/client-packets.ts";

const ADDRESS = "192.168.77.123";
const PEER = "192.168.77.5";
const HOURS = 60 * 60_000;

let now: number;
let overheard: OverheardClients;

beforeEach(() => {
  now = 1_000_000;
  overheard = new OverheardClients(() => now);
});

describe("whose address it is, by what clients say to another server", () => {
  test.each([
    ["SELECTING: 54 and 50", request(ADDRESS, PEER)],
    ["INIT-REBOOT: 50 alone", request(ADDRESS, null)],
    ["RENEWING, or the question on 4011: ciaddr", renew(ADDRESS)],
  ])("%s", (_, packet) => {
    overheard.note(packet, "eth1");
    expect(overheard.macByAddress(ADDRESS, "eth1")).toBe(MAC);
    expect(overheard.macByAddress(ADDRESS, "eth2")).toBeUndefined();
    expect(overheard.macByAddress("192.168.77.124", "eth1")).toBeUndefined();
  });

  it("comes from no other message, nor from one without an Ethernet address", () => {
    const asked = [ipv4Option(OPTION.REQUESTED_IP_ADDRESS, ADDRESS)];
    overheard.note(discover({ options: asked }), "eth1");
    overheard.note(message(MESSAGE_TYPE.RELEASE, { fields: { ciaddr: ADDRESS } }), "eth1");
    overheard.note({ ...renew(ADDRESS), chaddr: new Uint8Array(0) }, "eth1");
    overheard.note(request("0.0.0.0", PEER), "eth1");
    expect(overheard.macByAddress(ADDRESS, "eth1")).toBeUndefined();
    expect(overheard.macByAddress("0.0.0.0", "eth1")).toBeUndefined();
  });

  it("is the later one's, but not of one that merely remembers the address", () => {
    overheard.note(request(ADDRESS, PEER), "eth1");
    overheard.note(request(ADDRESS, null, { mac: OTHER_MAC }), "eth1");
    expect(overheard.macByAddress(ADDRESS, "eth1")).toBe(MAC);
    overheard.note(request(ADDRESS, PEER, { mac: OTHER_MAC }), "eth1");
    expect(overheard.macByAddress(ADDRESS, "eth1")).toBe(OTHER_MAC);
  });

  it("is forgotten after twelve hours, and of too many the oldest", () => {
    overheard.note(renew(ADDRESS), "eth1");
    now += 12 * HOURS - 1;
    expect(overheard.macByAddress(ADDRESS, "eth1")).toBe(MAC);
    now += 1;
    expect(overheard.macByAddress(ADDRESS, "eth1")).toBeUndefined();
    overheard.note(renew(ADDRESS), "eth1");
    for (let i = 0; i < 16_384; i++) overheard.note(renew(`10.1.${i >> 8}.${i & 255}`), "eth1");
    expect(overheard.macByAddress(ADDRESS, "eth1")).toBeUndefined();
    expect(overheard.macByAddress("10.1.0.0", "eth1")).toBe(MAC);
  });
});

test("a client is observed by its lease, else as a neighbour, else by what it said", () => {
  const observe = (leased?: string, neighbour?: string, heard?: string) =>
    createClientObserver({
      macByAddress: () => leased,
      lookupNeighbour: () => neighbour,
      overheard: () => heard,
    })(ADDRESS, "eth1");
  expect(observe("a", "b", "c")).toEqual({ ip: ADDRESS, mac: "a", source: "lease", interface: "eth1" });
  expect(observe(undefined, "b", "c")).toMatchObject({ mac: "b", source: "neighbour" });
  expect(observe(undefined, undefined, "c")).toMatchObject({ mac: "c", source: "dhcp" });
  expect(observe()).toMatchObject({ mac: null, source: null });
});
