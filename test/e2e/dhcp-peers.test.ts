import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { DhcpProxyConfig } from "../../relay/config/model.ts";
import { serverConfig } from "../relay/dhcp/support/server-config.ts";
import { missingNeed } from "../relay/net/needs.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { waitFor } from "../support/lab/wait.ts";
import {
  addHost,
  addRoutedClient,
  type Host,
  type ServerProcess,
  startDnsmasq,
  startServerProcess,
} from "./dhcp-lan.ts";

const DNSMASQ = "/usr/sbin/dnsmasq";
const KEA = "/usr/sbin/kea-dhcp4";
const UDHCPC = "/usr/sbin/udhcpc";
const PERFDHCP = "/usr/sbin/perfdhcp";
const DHCRELAY = "/usr/sbin/dhcrelay";
const PEER_ADDRESS = "192.168.77.5";
const lack = missingNeed({ root: true, programs: [DNSMASQ, KEA, UDHCPC, DHCRELAY, PERFDHCP] });

const PROXY: DhcpProxyConfig = {
  mode: "proxy",
  answer: "any",
  vendorClasses: [],
  port: 67,
  clientPort: 68,
  bootPort: 4011,
};
const SERVER = serverConfig({ ranges: [["192.168.77.50", "192.168.77.59"]], probe: true });
const WARNING = "another DHCP server answers here";
const PXE_CLIENT = new URL("dhcp-pxe-client.ts", import.meta.url).pathname;

describe.skipIf(lack !== undefined)(
  `beside other people's DHCP${lack === undefined ? "" : ` (skipped: ${lack})`}`,
  () => {
    let lab: Lab;
    let peer: Host;
    let client: Host;
    let folder: string;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "pxedge-peers-"));
      lab = await createLab();
      peer = await addHost(lab, { mac: "02:00:00:00:99:05", address: `${PEER_ADDRESS}/24` });
      client = await addHost(lab, { mac: "02:00:00:00:99:06" });
    });

    afterAll(async () => {
      await client.close();
      await peer.close();
      await lab.close();
      rmSync(folder, { recursive: true, force: true });
    });

    async function start(config: Parameters<typeof startServerProcess>[1]): Promise<ServerProcess> {
      const server = await startServerProcess(lab, config);
      onTestFinished(() => server.stop());
      return server;
    }

    async function startDnsmasqHere(): Promise<void> {
      const dnsmasq = await startDnsmasq(peer, {
        leaseFile: join(folder, "dnsmasq.leases"),
        ranges: ["192.168.77.100,192.168.77.110,1h"],
      });
      onTestFinished(() => dnsmasq.stop());
    }

    async function startKea(): Promise<void> {
      const file = join(folder, "kea.json");
      const Dhcp4 = {
        "interfaces-config": { interfaces: ["eth0"], "dhcp-socket-type": "raw" },
        "lease-database": { type: "memfile", persist: false },
        subnet4: [{ subnet: "192.168.77.0/24", pools: [{ pool: "192.168.77.100 - 192.168.77.110" }] }],
        loggers: [{ name: "kea-dhcp4", output_options: [{ output: "stdout" }], severity: "INFO" }],
      };
      writeFileSync(file, JSON.stringify({ Dhcp4 }));
      const kea = await peer.spawn("/usr/bin/env", [
        `KEA_PIDFILE_DIR=${folder}`,
        `KEA_LOCKFILE_DIR=${folder}`,
        ...[KEA, "-c", file],
      ]);
      onTestFinished(() => kea.stop());
      await waitFor(() => kea.output().includes("DHCP4_STARTED"), 10_000, kea.output);
    }

    /** What a PXE client of an architecture hears of all servers together. */
    async function boot(arch: number): Promise<{ address: string; offers: object[]; ack: object | null }> {
      return JSON.parse(await client.exec(process.execPath, [PXE_CLIENT, "eth0", String(arch)])) as never;
    }

    describe.each([
      ["dnsmasq", startDnsmasqHere],
      ["Kea", startKea],
    ])("%s", (_, startPeer) => {
      it(
        "P23 P24 P25 gives the address, and the proxy what to boot: by its OFFER and on 4011",
        { timeout: 60_000 },
        async () => {
          await startPeer();
          const proxy = await start(PROXY);
          const { address, offers, ack } = await boot(7);
          expect(address).toMatch(/^192\.168\.77\.1\d\d$/);
          expect(offers).toContainEqual({ server: "192.168.77.1", yiaddr: "0.0.0.0", file: "snponly.efi" });
          expect(offers).toContainEqual(expect.objectContaining({ server: PEER_ADDRESS, file: "" }));
          expect(ack).toEqual({
            from: "192.168.77.1:4011",
            type: 5,
            server: "192.168.77.1",
            file: "snponly.efi",
          });
          // The client is a boot client: the proxy heard whom it chose.
          const chosen = await proxy.waitFor("ignored");
          expect(chosen.detail).toMatchObject({ reason: "address-from-other-server", server: PEER_ADDRESS });
          expect(await proxy.waitFor("other-server")).toMatchObject({ detail: { address: PEER_ADDRESS } });
        },
      );

      it("is noticed in server mode, by an event and a warning", { timeout: 60_000 }, async () => {
        await startPeer();
        const server = await start(SERVER);
        const event = await server.waitFor("other-server");
        expect(event).toMatchObject({ mac: null, detail: { address: PEER_ADDRESS, interface: "lan0" } });
        // On another pipe than the event, so maybe a moment later.
        await waitFor(() => server.output().includes(WARNING), 5000, server.output);
        expect(server.output()).toContain(WARNING);
      });
    });

    it(
      "auto: answers nothing without a server, and proxies once there is one",
      { timeout: 90_000 },
      async () => {
        const proxy = await start({ ...PROXY, mode: "auto" });
        await waitFor(() => proxy.output().includes("no DHCP server answers here"), 15_000, proxy.output);
        expect((await boot(7)).offers).toEqual([]);
        const silent = await proxy.waitFor("ignored", 5000);
        expect(silent.detail).toMatchObject({ reason: "no-other-server" });
        await startDnsmasqHere();
        await proxy.waitFor("other-server", 40_000);
        const { address, offers } = await boot(7);
        expect(address).toMatch(/^192\.168\.77\.1\d\d$/);
        expect(offers).toContainEqual(
          expect.objectContaining({ server: "192.168.77.1", file: "snponly.efi" }),
        );
      },
    );

    it(
      "D16 an address that somebody took by himself is found and never offered",
      { timeout: 60_000 },
      async () => {
        // The first of the range, where every other client would be sent.
        const squatter = await addHost(lab, { mac: "02:00:00:00:99:07", address: "192.168.77.50/24" });
        onTestFinished(() => squatter.close());
        const server = await start(SERVER);
        expect(await server.waitFor("conflict")).toEqual({
          mac: "02:00:00:00:99:07",
          stage: "dhcp",
          name: "conflict",
          detail: { address: "192.168.77.50" },
        });
        await client.exec(UDHCPC, ["-f", "-q", "-n", "-i", "eth0", "-s", "/bin/true"]);
        const offered = server.events().filter(({ name }) => name === "offered");
        expect(offered.map(({ detail }) => detail["address"])).toEqual(["192.168.77.51"]);
      },
    );

    it("perfdhcp's avalanche: every client gets an address of its own", { timeout: 90_000 }, async () => {
      const clients = 150;
      const loader = await addHost(lab, { mac: "02:00:00:00:99:0b", address: "192.168.77.11/24" });
      onTestFinished(() => loader.close());
      const server = await start({ ...SERVER, ranges: [["192.168.77.20", "192.168.77.239"]] });
      // All ask at once, and each again until it is served; ends with 0 once they all are.
      const avalanche = ["-4", "-l", "eth0", "--scenario", "avalanche", "-R", String(clients)];
      await loader.exec(PERFDHCP, [...avalanche, "192.168.77.1"]);
      const acknowledged = server.events().filter(({ name }) => name === "acknowledged");
      const addresses = new Map(acknowledged.map(({ mac, detail }) => [mac, detail["address"]]));
      expect(addresses.size).toBe(clients);
      expect(new Set(addresses.values()).size).toBe(clients);
    });

    it("D18 leases through a real relay agent, whose option 82 comes back", { timeout: 60_000 }, async () => {
      const subnet = {
        ...serverConfig({}),
        network: "10.20.0.0/24",
        ranges: [["10.20.0.50", "10.20.0.59"]] as const,
      };
      const server = await start({ ...SERVER, subnets: [subnet] });
      const router = await addRoutedClient(lab, { mac: "02:00:00:00:99:0c", servers: ["192.168.77.1"] });
      onTestFinished(() => router.close());
      await waitFor(
        async () => {
          await router.exec(UDHCPC, ["-f", "-q", "-n", "-t", "2", "-i", "far0", "-s", "/bin/true"]);
          return true;
        },
        20_000,
        server.output,
      );
      const acknowledged = await server.waitFor("acknowledged");
      expect(acknowledged.detail["address"]).toBe("10.20.0.50");
    });
  },
);
