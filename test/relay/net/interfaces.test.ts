import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { NetError } from "../../../relay/net/errors.ts";
import { listInterfaceNames, readInterface } from "../../../relay/net/interfaces.ts";
import { createLab } from "../../support/lab/network.ts";
import { missingNeed } from "./needs.ts";

const noLab = missingNeed({ root: true, programs: ["/usr/sbin/ip"] });

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

  it("tells of every interface what Node tells", () => {
    for (const [name, addresses] of Object.entries(networkInterfaces())) {
      const ipv4 = addresses?.filter((each) => each.family === "IPv4") ?? [];
      if (ipv4.length === 0) continue;
      const { address, netmask, mac, others } = readInterface(name);
      expect([
        { address, netmask },
        ...others.map((o) => ({ address: o.address, netmask: o.netmask })),
      ]).toEqual(ipv4.map((each) => ({ address: each.address, netmask: each.netmask })));
      expect(mac).toBe(ipv4[0]!.mac);
    }
  });

  it.skipIf(noLab !== undefined)(
    "reads an interface without a carrier: a switch may come up later",
    async () => {
      const lab = await createLab();
      try {
        // Its only port is a tap that no machine holds: a bridge without a carrier.
        await lab.addTap();
        const link = await lab.exec("ip", ["-o", "link", "show", lab.lanInterface]);
        expect(link).toContain("NO-CARRIER");
        const program = `import { readInterface } from ${JSON.stringify(
          new URL("../../../relay/net/interfaces.ts", import.meta.url).href,
        )}; console.log(JSON.stringify(readInterface(${JSON.stringify(lab.lanInterface)})));`;
        const text = await lab.exec(process.execPath, ["--input-type=module", "-e", program]);
        expect(JSON.parse(text)).toMatchObject({ address: lab.lanAddress, netmask: "255.255.255.0" });
      } finally {
        await lab.close();
      }
    },
  );
});
