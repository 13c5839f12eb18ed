import { describe, expect, it } from "vitest";
import { NetError } from "../../../relay/net/errors.ts";
import { listInterfaceNames, readInterface } from "../../../relay/net/interfaces.ts";

describe("readInterface", () => {
  it("reads the loopback's address and link facts", () => {
    expect(readInterface("lo")).toMatchObject({
      name: "lo",
      address: "127.0.0.1",
      netmask: "255.0.0.0",
      broadcast: "127.255.255.255",
      mac: "00:00:00:00:00:00",
    });
    expect(readInterface("lo").mtu).toBeGreaterThanOrEqual(1500);
  });

  it("names the interfaces that exist when there is no such one", () => {
    expect(listInterfaceNames()).toContain("lo");
    expect(() => readInterface("nope0")).toThrow(NetError);
    expect(() => readInterface("nope0")).toThrow(/"nope0" on this host; it has .*\blo\b/);
  });
});
