import { describe, expect, it } from "vitest";
import { lookupNeighbour, parseNeighbours } from "../../../relay/net/neighbours.ts";

const TABLE = `IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         02:FC:00:00:00:05     *        eth0
192.0.2.2        0x1         0x0         00:00:00:00:00:00     *        eth0
192.0.2.3        0x1         0x6         02:fc:00:00:00:07     *        eth1
192.0.2.4        0x20        0x2         80:00:02:08:fe:80     *        ib0
`;

describe("neighbours", () => {
  it("takes complete and permanent Ethernet entries only", () => {
    expect(parseNeighbours(TABLE)).toEqual([
      { address: "192.0.2.1", mac: "02:fc:00:00:00:05", device: "eth0" },
      { address: "192.0.2.3", mac: "02:fc:00:00:00:07", device: "eth1" },
    ]);
  });

  it("reads an empty table and a torn line", () => {
    expect(parseNeighbours("")).toEqual([]);
    expect(parseNeighbours("IP address\n192.0.2.1 0x1 0x2")).toEqual([]);
  });

  it("does not know an address that nobody asked for", () => {
    expect(lookupNeighbour("198.51.100.253")).toBeUndefined();
    expect(lookupNeighbour("198.51.100.253", "lo")).toBeUndefined();
  });
});
