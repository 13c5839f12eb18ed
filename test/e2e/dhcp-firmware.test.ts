import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { BootEventInput } from "../../core/relay-protocol/events.ts";
import type { DhcpActiveConfig } from "../../relay/config/model.ts";
import { serverConfig } from "../relay/dhcp/support/server-config.ts";
import { missingNeed } from "../relay/net/needs.ts";
import { startMachine } from "../support/lab/machine.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { waitFor } from "../support/lab/wait.ts";
import { addHost, startServerProcess } from "./dhcp-lan.ts";

const DNSMASQ = "/usr/sbin/dnsmasq";
const BUSYBOX = "/usr/bin/busybox";
const IPXE = fileURLToPath(new URL("../../.lab/ipxe", import.meta.url));
const BOOT_MS = 90_000;
const lack = missingNeed({
  root: true,
  programs: [
    DNSMASQ,
    BUSYBOX,
    "/usr/bin/qemu-system-x86_64",
    "/usr/bin/qemu-system-aarch64",
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/share/AAVMF/AAVMF_CODE.fd",
    join(IPXE, "snponly.efi"),
    join(IPXE, "ipxe-arm64.efi"),
  ],
});

const PROXY: DhcpActiveConfig = {
  mode: "proxy",
  answer: "any",
  vendorClasses: [],
  port: 67,
  clientPort: 68,
  bootPort: 4011,
};
const SERVER = serverConfig({
  ranges: [["192.168.77.50", "192.168.77.59"]],
  router: "192.168.77.1",
  probe: true,
});

describe.skipIf(lack !== undefined)(`UEFI firmware${lack === undefined ? "" : ` (skipped: ${lack})`}`, () => {
  let lab: Lab;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "pxedge-firmware-"));
    mkdirSync(join(folder, "root", "f"), { recursive: true });
    for (const file of ["snponly.efi", "ipxe-arm64.efi"]) {
      await cp(join(IPXE, file), join(folder, "root", file));
      await cp(join(IPXE, file), join(folder, "root", "f", file));
    }
    lab = await createLab();
    // Files only: neither DHCP nor DNS.
    const tftp = await lab.spawn(DNSMASQ, [
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--port=0",
      "--user=root",
      `--interface=${lab.lanInterface}`,
      "--enable-tftp",
      `--tftp-root=${join(folder, "root")}`,
      "--log-facility=-",
    ]);
    await waitFor(() => tftp.output().includes("TFTP"), 5000, tftp.output);
    await lab.spawn(BUSYBOX, ["httpd", "-f", "-p", `${lab.lanAddress}:8080`, "-h", join(folder, "root")]);
  });

  afterAll(async () => {
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Boots a machine until its iPXE has asked for its script; returns what DHCP said to it. */
  async function boot(
    firmware: "efi-x86_64" | "efi-arm64",
    mac: string,
    config: DhcpActiveConfig,
    qemuArguments: readonly string[] = [],
  ): Promise<BootEventInput[]> {
    const dhcp = await startServerProcess(lab, config);
    onTestFinished(() => dhcp.stop());
    const machine = await startMachine(lab, { firmware, mac, directory: join(folder, mac), qemuArguments });
    onTestFinished(() => machine.powerOff());
    await waitFor(
      () => dhcp.events().some(({ name, detail }) => name === "offered" && detail["client"] === "ipxe"),
      BOOT_MS,
      () => `iPXE did not start:\n${dhcp.output()}\n${machine.consoleText().slice(-3000)}`,
    );
    return dhcp.events().filter((event) => event.mac === mac);
  }

  async function startDnsmasqBeside(): Promise<void> {
    const peer = await addHost(lab, { mac: "02:00:00:00:98:05", address: "192.168.77.5/24" });
    onTestFinished(() => peer.close());
    const dnsmasq = await peer.spawn(DNSMASQ, [
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--port=0",
      "--user=root",
      "--interface=eth0",
      "--dhcp-range=192.168.77.100,192.168.77.110,1h",
      "--no-ping",
      "--log-facility=-",
      `--dhcp-leasefile=${join(folder, "leases")}`,
    ]);
    await waitFor(() => dnsmasq.output().includes("DHCP, IP range"), 5000, dnsmasq.output);
  }

  it.each([
    ["efi-x86_64", "52:54:00:00:98:01", "snponly.efi"],
    ["efi-arm64", "52:54:00:00:98:02", "ipxe-arm64.efi"],
  ] as const)(
    "P23 P24 P25 EDK2 %s boots by a proxy beside dnsmasq, then iPXE",
    { timeout: BOOT_MS + 30_000 },
    async (firmware, mac, file) => {
      await startDnsmasqBeside();
      const events = await boot(firmware, mac, PROXY);
      const told = events.map(({ name, detail }) => [name, detail["client"], detail["bootFile"]]);
      // BINL: the OFFER, then the question on 4011.
      expect(told).toContainEqual(["offered", "pxe", file]);
      expect(told).toContainEqual(["acknowledged", "pxe", file]);
      expect(told).toContainEqual(["offered", "ipxe", "http://192.168.77.1:8080/boot.ipxe"]);
      expect(events.find(({ name }) => name === "ignored")?.detail).toMatchObject({ server: "192.168.77.5" });
    },
  );

  it.each([
    ["efi-x86_64", "52:54:00:00:98:03", "snponly.efi"],
    ["efi-arm64", "52:54:00:00:98:04", "ipxe-arm64.efi"],
  ] as const)(
    "P32 EDK2 %s boots over HTTP, then iPXE",
    { timeout: BOOT_MS + 30_000 },
    async (firmware, mac, file) => {
      const events = await boot(firmware, mac, SERVER, [
        "-fw_cfg",
        "name=opt/org.tianocore/IPv4PXESupport,string=n",
      ]);
      const told = events.map(({ name, detail }) => [name, detail["client"], detail["bootFile"]]);
      const url = `http://192.168.77.1:8080/f/${file}`;
      expect(told).toContainEqual(["acknowledged", "http", url]);
      const addresses = new Set(
        events.filter(({ name }) => name === "acknowledged").map(({ detail }) => detail["address"]),
      );
      // Which one depends on whether the kernel still knows the machine before this one as a neighbour.
      expect([...addresses]).toEqual([expect.stringMatching(/^192\.168\.77\.5\d$/)]);
    },
  );
});
