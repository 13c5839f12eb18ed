import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import type { BootEvent, EventDetail } from "../../core/relay-protocol/events.ts";
import { missingNeed } from "../relay/net/needs.ts";
import { startMachine, type MachineFirmware } from "../support/lab/machine.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { waitFor } from "../support/lab/wait.ts";
import { addHost, addRoutedClient, type Host, startDnsmasq } from "./dhcp-lan.ts";
import { addImage, startSite, type Site } from "./site.ts";

const UDHCPC = "/usr/sbin/udhcpc";
const IPXE = fileURLToPath(new URL("../../.lab/ipxe", import.meta.url));
const BOOT_MS = 180_000;
const PEER_ADDRESS = "192.168.77.5";
const SCRIPT_URL = "http://192.168.77.1:8080/boot.ipxe";
const lack = missingNeed({
  root: true,
  programs: [
    "/usr/sbin/dnsmasq",
    "/usr/sbin/dhcrelay",
    UDHCPC,
    "/usr/bin/curl",
    "/usr/bin/qemu-system-x86_64",
    "/usr/bin/qemu-system-aarch64",
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/share/AAVMF/AAVMF_CODE.fd",
    join(IPXE, "snponly.efi"),
    join(IPXE, "ipxe-arm64.efi"),
  ],
});

/** What `script.test.ts` shows of the other way, a relay that gives addresses and files by TFTP. */
describe.skipIf(lack !== undefined)(
  `UEFI firmware and the whole relay${lack === undefined ? "" : ` (skipped: ${lack})`}`,
  () => {
    let lab: Lab;
    let folder: string;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "pxedge-firmware-"));
      lab = await createLab();
    });
    afterAll(async () => {
      await lab.close();
      rmSync(folder, { recursive: true, force: true });
    });

    /** Boots a machine that nothing is ordered for, up to its script: what the site knows of it then. */
    async function boot(
      site: Site,
      name: string,
      mac: string,
      firmware: MachineFirmware,
      qemuArguments: readonly string[] = [],
    ): Promise<BootEvent[]> {
      await site.addMachine(name, mac);
      const machine = await startMachine(lab, {
        firmware,
        mac,
        directory: join(folder, name),
        qemuArguments,
      });
      try {
        await machine.waitForConsole("pxedge: booting the local disk", BOOT_MS);
      } finally {
        await machine.powerOff();
      }
      // The relay's own events come later than what the control plane itself saw.
      return await waitFor(
        async () => {
          const timeline = await site.timeline(name);
          const paths = told(timeline, "http").map(({ path }) => path);
          return paths.some((path) => String(path).endsWith("/script.ipxe")) ? timeline : undefined;
        },
        20_000,
        () => `no script in the timeline of ${name}\n${site.relayLog().slice(-3000)}`,
      );
    }

    const told = (timeline: readonly BootEvent[], stage: string): EventDetail[] =>
      timeline.filter((event) => event.stage === stage).map(({ name, detail }) => ({ name, ...detail }));

    describe("a proxy beside dnsmasq", () => {
      let peer: Host;
      let site: Site;

      beforeAll(async () => {
        peer = await addHost(lab, { mac: "02:00:00:00:98:05", address: `${PEER_ADDRESS}/24` });
        await peer.exec("ip", ["route", "add", "10.20.0.0/24", "via", "192.168.77.8"]);
        await startDnsmasq(peer, {
          leaseFile: join(folder, "leases"),
          ranges: ["192.168.77.100,192.168.77.110,1h", "10.20.0.100,10.20.0.110,255.255.255.0,1h"],
        });
        site = await startSite(lab, {
          directory: join(folder, "proxy-site"),
          tftpRoot: IPXE,
          dhcp: "mode: proxy",
        });
      });
      afterAll(async () => {
        await site?.stop();
        await peer?.close();
      });

      test.each([
        ["efi-x86_64", "52:54:00:00:98:01", "snponly.efi"],
        ["efi-arm64", "52:54:00:00:98:02", "ipxe-arm64.efi"],
      ] as const)("P23 P24 P25 EDK2 %s boots by TFTP, then iPXE", async (firmware, mac, file) => {
        const timeline = await boot(site, `pxe-${firmware.replace("_", "-")}`, mac, firmware);
        const dhcp = told(timeline, "dhcp");
        // BINL: the OFFER, then the question on 4011.
        expect(dhcp).toContainEqual(
          expect.objectContaining({ name: "offered", client: "pxe", bootFile: file }),
        );
        expect(dhcp).toContainEqual(
          expect.objectContaining({ name: "acknowledged", client: "pxe", bootFile: file }),
        );
        expect(dhcp).toContainEqual(
          expect.objectContaining({ name: "offered", client: "ipxe", bootFile: SCRIPT_URL }),
        );
        expect(dhcp).toContainEqual(expect.objectContaining({ name: "ignored", server: PEER_ADDRESS }));
        expect(told(timeline, "tftp")).toContainEqual(expect.objectContaining({ name: "sent", file }));
      });

      it("knows a machine behind a router by the REQUEST that it overheard, so that it installs", async () => {
        const mac = "52:54:00:00:98:06";
        await addImage(site.api, "not-a-kernel", { linux: fileURLToPath(import.meta.url) });
        await site.api.request("PUT", "/profiles/routed", {
          mode: "install",
          image: "not-a-kernel",
          kernel: "linux",
          args: "canary=98",
        });
        await site.addMachine("routed", mac);
        await site.arm("routed", "routed");
        const router = await addRoutedClient(lab, { mac, servers: ["192.168.77.1", PEER_ADDRESS] });
        try {
          await waitFor(
            async () => {
              await router.exec(UDHCPC, ["-f", "-q", "-n", "-t", "2", "-i", "far0", "-s", "/bin/true"]);
              return true;
            },
            20_000,
            () => site.relayLog(),
          );
          // The address that it was given; the other end of its cable is the router itself.
          const lease = readFileSync(join(folder, "leases"), "utf8").match(/ (10\.20\.0\.\d+) /);
          await router.exec("ip", ["address", "add", `${lease![1]}/24`, "dev", "down0"]);
          const ask = (...more: string[]) =>
            router.exec("curl", [
              "-sSf",
              ...more,
              "http://192.168.77.1:8080/boot/52-54-00-00-98-06/script.ipxe",
            ]);
          expect(await ask("--interface", lease![1]!)).toContain("canary=98");
          // Whom nobody heard learns nothing.
          expect(await ask("--interface", "10.20.0.1")).not.toContain("canary");
        } finally {
          await router.close();
        }
      });
    });

    describe("UEFI HTTP boot", () => {
      let site: Site;

      beforeAll(async () => {
        site = await startSite(lab, { directory: join(folder, "http-site"), tftpRoot: IPXE });
      });
      afterAll(async () => {
        await site?.stop();
      });

      test.each([
        ["efi-x86_64", "52:54:00:00:98:03", "snponly.efi"],
        ["efi-arm64", "52:54:00:00:98:04", "ipxe-arm64.efi"],
      ] as const)(
        "P32 P33 EDK2 %s asks for the length, then for the file, then iPXE",
        async (firmware, mac, file) => {
          const noPxe = ["-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n"];
          const timeline = await boot(site, `http-${firmware.replace("_", "-")}`, mac, firmware, noPxe);
          expect(told(timeline, "dhcp")).toContainEqual(
            expect.objectContaining({
              name: "acknowledged",
              client: "http",
              bootFile: `http://192.168.77.1:8080/f/${file}`,
            }),
          );
          const requests = told(timeline, "http").map(({ method, path, status }) => [method, path, status]);
          const head = requests.findIndex(([method]) => method === "HEAD");
          expect(requests[head]).toEqual(["HEAD", `/f/${file}`, 200]);
          expect(requests.slice(head + 1)).toContainEqual(["GET", `/f/${file}`, 200]);
          // Beside what it was loaded from, iPXE finds stage one before it asks by DHCP.
          expect(requests).toContainEqual(["GET", "/f/autoexec.ipxe", 200]);
          expect(told(timeline, "tftp")).toEqual([]);
        },
      );

      it("P33 is resumed by Range and If-Match, of the same version only", async () => {
        const url = "http://192.168.77.1:8080/f/snponly.efi";
        const file = readFileSync(join(IPXE, "snponly.efi"));
        const part = join(folder, "part");
        const curl = async (...args: string[]): Promise<{ status: number; head: string }> => {
          const head = await lab.exec("curl", ["-sS", "-D", "-", "-o", part, ...args, url]);
          return { status: Number(head.split(" ")[1]), head };
        };
        const { status, head } = await curl("--head");
        expect(status).toBe(200);
        expect(head).toMatch(new RegExp(`^content-length: ${file.length}\\r$`, "im"));
        const etag = /^etag: (".*")\r$/im.exec(head)![1]!;
        const half = Math.floor(file.length / 2);
        const rest = await curl("-H", `Range: bytes=${half}-`, "-H", `If-Match: ${etag}`);
        expect(rest.status).toBe(206);
        expect(readFileSync(part).equals(file.subarray(half))).toBe(true);
        expect((await curl("-H", `Range: bytes=${half}-`, "-H", `If-Match: "another"`)).status).toBe(412);
        expect((await curl("-H", `Range: bytes=${file.length}-`)).status).toBe(416);
        expect((await curl()).status).toBe(200);
        expect(readFileSync(part).equals(file)).toBe(true);
      });
    });
  },
);
