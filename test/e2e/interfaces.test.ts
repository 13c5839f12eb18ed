import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { missingNeed } from "../relay/net/needs.ts";
import type { Child } from "../support/lab/child.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { waitFor } from "../support/lab/wait.ts";
import { addHost, type Host } from "./dhcp-lan.ts";
import { startSite, type Site } from "./site.ts";

const DNSMASQ = "/usr/sbin/dnsmasq";
const UDHCPC = "/usr/sbin/udhcpc";
const lack = missingNeed({ root: true, programs: [DNSMASQ, UDHCPC, "/usr/bin/curl"] });

/** Networks beside the LAN's; only `taken0` is there from the beginning. */
const LATE = "late0";
const TAKEN = "taken0";
const NEVER = "never0";

describe.skipIf(lack !== undefined)(
  `interfaces that come, go and are taken${lack === undefined ? "" : ` (skipped: ${lack})`}`,
  () => {
    let directory: string;
    let lab: Lab;
    let site: Site;
    let dnsmasq: Child;
    let onLan: Host;

    const addBridge = async (name: string): Promise<void> => {
      await lab.exec("ip", ["link", "add", name, "type", "bridge", "forward_delay", "0"]);
      await lab.exec("ip", ["link", "set", name, "up"]);
    };
    const addAddress = (name: string, address: string) =>
      lab.exec("ip", ["address", "add", address, "dev", name]);
    const addClient = async (number: number, bridge: string): Promise<Host> => {
      const host = await addHost(lab, { mac: mac(number), bridge });
      onTestFinished(() => host.close());
      return host;
    };
    const mac = (number: number) => `02:00:00:00:96:0${number}`;
    /** One attempt at a lease. */
    const ask = (host: Host): Promise<string> =>
      host.exec(UDHCPC, ["-f", "-q", "-n", "-t", "2", "-T", "1", "-i", "eth0", "-s", "/bin/true"]);
    /** What the relay logged of a client's leases, by interface. */
    const leases = (client: string): { interface: string; address: string }[] =>
      site
        .relayLog()
        .split("\n")
        .filter((line) => line.includes('"DHCP acknowledged"') && line.includes(client))
        .map((line) => JSON.parse(line));
    /** Asks until there is a lease; returns it. */
    const lease = async (host: Host, client: string): Promise<{ interface: string; address: string }> => {
      const before = leases(client).length;
      return await waitFor(
        async () => {
          await ask(host).catch(() => "");
          return leases(client)[before];
        },
        30_000,
        () => `no lease for ${client}:\n${site.relayLog().slice(-3000)}`,
      );
    };
    const logged = (text: string | RegExp) =>
      waitFor(
        () => site.relayLog().match(text) !== null,
        15_000,
        () => `not logged: ${text}:\n${site.relayLog().slice(-3000)}`,
      );

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "pxedge-interfaces-"));
      lab = await createLab();
      onLan = await addHost(lab, { mac: mac(0) });
      await addBridge(TAKEN);
      await addAddress(TAKEN, "192.168.90.1/24");
      dnsmasq = await lab.spawn(DNSMASQ, [
        ...["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--log-facility=-"],
        ...[`--interface=${TAKEN}`, "--bind-interfaces", "--dhcp-range=192.168.90.100,192.168.90.110,1h"],
        `--dhcp-leasefile=${join(directory, "dnsmasq.leases")}`,
      ]);
      await waitFor(() => dnsmasq.output().includes("DHCP, IP range"), 5000, dnsmasq.output);
      site = await startSite(lab, {
        directory: join(directory, "site"),
        tftpRoot: directory,
        interfaces: {
          [LATE]: "mode: server, range: [192.168.88.50, 192.168.88.59]",
          [TAKEN]: "mode: server, range: [192.168.90.50, 192.168.90.59]",
          [NEVER]: "mode: server, range: [192.168.91.50, 192.168.91.59]",
        },
      });
    });
    afterAll(async () => {
      await site?.stop();
      await onLan?.close();
      await lab?.close();
      rmSync(directory, { recursive: true, force: true });
    });

    it("one that is not there is named, and the others are served", async () => {
      await logged(`there is no interface \\"never0\\" on this host`.replaceAll("\\", "\\\\"));
      expect(await lease(onLan, mac(0))).toMatchObject({ interface: "lan0" });
    });

    it("a port 67 that is taken is told with the holder, and served once it is given up", async () => {
      await logged(`UDP port 67 on taken0 is held by dnsmasq \\(pid \\d+\\)`);
      const client = await addClient(1, TAKEN);
      // HTTP and TFTP do not need that port.
      await lab.exec("curl", ["-sSf", "http://192.168.90.1:8080/boot.ipxe"]);
      await dnsmasq.stop();
      expect(await lease(client, mac(1))).toMatchObject({ interface: TAKEN });
    });

    it("one that comes after the start is served as soon as it has an address", async () => {
      await addBridge(LATE);
      await logged("has no IPv4 address");
      const client = await addClient(2, LATE);
      await addAddress(LATE, "192.168.88.1/24");
      const { interface: name, address } = await lease(client, mac(2));
      expect(name).toBe(LATE);
      expect(address).toMatch(/^192\.168\.88\.5\d$/);
      await client.exec("ip", ["address", "add", `${address}/24`, "dev", "eth0"]);
      const script = await client.exec("curl", ["-sSf", "http://192.168.88.1:8080/boot.ipxe"]);
      expect(script).toMatch(/^#!ipxe/);

      // No cross-talk: at the same time each hears of its own network only.
      const other = await addClient(3, LATE);
      await Promise.all([lease(onLan, mac(0)), lease(other, mac(3))]);
      expect(new Set(leases(mac(0)).map((each) => each.interface))).toEqual(new Set(["lan0"]));
      expect(new Set(leases(mac(3)).map((each) => each.interface))).toEqual(new Set([LATE]));
    });

    it("one that vanishes is served again when it comes back; others go on meanwhile", async () => {
      await lab.exec("ip", ["link", "delete", LATE]);
      await logged("the interface is gone");
      expect(await lease(onLan, mac(0))).toMatchObject({ interface: "lan0" });
      await addBridge(LATE);
      await addAddress(LATE, "192.168.88.1/24");
      const client = await addClient(4, LATE);
      expect(await lease(client, mac(4))).toMatchObject({ interface: LATE });
      await lab.exec("curl", ["-sSf", "http://192.168.88.1:8080/boot.ipxe"]);
    });
  },
);
