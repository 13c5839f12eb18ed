import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingNeed } from "../relay/net/needs.ts";
import { buildBiosDiskImage, buildDebianDiskImage, formatDiskMarker } from "../support/lab/disk-image.ts";
import { startIscsiTarget } from "../support/lab/iscsi-target.ts";
import { startMachine } from "../support/lab/machine.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { addImage, startSite, type Site } from "./site.ts";

/** Of Debian 13: the first that looks for a loader on a local disk. */
const BOOT_FILES = fileURLToPath(new URL("../../.lab/ipxe", import.meta.url));
const MEMTEST = { bios: "/boot/memtest86+x64.bin", "efi-x86_64": "/boot/memtest86+x64.efi" } as const;
/** All that a word of an iPXE script may hold, and that others would read otherwise. */
const CHAP_PASSWORD = `a"b'c\\d$e#f&g|h%i;j<k>`;
const TARGET = "iqn.2026-01.org.example:disk-of-san";
const TO_DISK_MS = 240_000;

const missing = missingNeed({
  root: true,
  programs: [
    "/usr/bin/qemu-system-x86_64",
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/sbin/tgtd",
    "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed",
    ...Object.values(MEMTEST),
    join(BOOT_FILES, "snponly.efi"),
  ],
});

describe.skipIf(missing !== undefined)(
  `Kinds of boots that need iPXE${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let directory: string;
    let lab: Lab;
    let site: Site;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "pxedge-e2e-"));
      lab = await createLab();
      site = await startSite(lab, { directory: join(directory, "site"), tftpRoot: BOOT_FILES });
      await addImage(site.api, "memtest", { bios: MEMTEST.bios, "efi-x86_64": MEMTEST["efi-x86_64"] });
      for (const firmware of ["bios", "efi-x86_64"] as const) {
        await site.api.request("PUT", `/profiles/memtest-${firmware}`, {
          mode: "live",
          image: "memtest",
          kernel: firmware,
          protocol: "plain",
          args: "console=ttyS0,115200",
        });
      }
    });
    afterAll(async () => {
      await site?.stop();
      await lab?.close();
      rmSync(directory, { recursive: true, force: true });
    });

    test("BIOS: a disk over iSCSI, by the machine's own name and CHAP secret", async () => {
      const mac = "52:54:00:e2:e0:71";
      const disk = join(directory, "san.img");
      writeFileSync(disk, buildBiosDiskImage("over iSCSI"));
      // iPXE gives a disk of less than a cylinder no geometry to read it by.
      truncateSync(disk, 64 * 1_048_576);
      const initiator = "iqn.2026-01.org.example:san";
      const chap = { username: "san", password: CHAP_PASSWORD };
      const target = await startIscsiTarget(lab, { directory, name: TARGET, disk, initiator, chap });
      await site.api.request("PUT", "/secrets/sanChap", { value: CHAP_PASSWORD });
      await site.api.request("PUT", "/profiles/san", {
        mode: "san",
        // The target's LUN 0 is its controller.
        uri: "iscsi:{{sanServer}}:::1:iqn.2026-01.org.example:disk-of-{{machine.name}}",
        initiator: "iqn.2026-01.org.example:{{machine.name}}",
        username: "{{machine.name}}",
        password: "{{secret.sanChap}}",
        variables: { sanServer: lab.lanAddress },
      });
      await site.addMachine("san", mac, { profile: "san" });
      const machine = await startMachine(lab, { firmware: "bios", mac, directory: join(directory, "san") });
      try {
        await machine.waitForConsole(formatDiskMarker("over iSCSI"), TO_DISK_MS);
        expect(machine.consoleText()).not.toContain(CHAP_PASSWORD);
        const served = await site.waitForEvent("san", "decision", "served", 20_000);
        expect(served.detail).toMatchObject({ kind: "san", secrets: "sanChap" });
      } finally {
        await machine.powerOff();
        await target.stop();
      }
    });

    for (const [index, firmware] of (["bios", "efi-x86_64"] as const).entries()) {
      test(`${firmware}: memtest86+, no Linux, with its own arguments`, async () => {
        const mac = `52:54:00:e2:e0:7${index + 2}`;
        const name = `memtest-${firmware.replace("_", "-")}`;
        await site.addMachine(name, mac, { profile: `memtest-${firmware}` });
        const machine = await startMachine(lab, {
          firmware,
          mac,
          directory: join(directory, name),
          // On UEFI it wants a screen.
          qemuArguments: firmware === "bios" ? [] : ["-device", "VGA"],
        });
        try {
          // On the serial port only because it was told so.
          await machine.waitForConsole(/Address test/, TO_DISK_MS);
          expect(await site.attempts(name)).toEqual([]);
        } finally {
          await machine.powerOff();
        }
      });
    }

    test("UEFI: a loader of the disk that the firmware would not find", async () => {
      const mac = "52:54:00:e2:e0:74";
      const own = join(directory, "loader");
      const disk = join(directory, "loader.img");
      writeFileSync(disk, await buildDebianDiskImage("by its path"));
      await site.addMachine("loader", mac, { localBoot: { efi: { loader: "/EFI/debian/grubx64.efi" } } });
      const machine = await startMachine(lab, { firmware: "efi-x86_64", mac, directory: own, disks: [disk] });
      try {
        await machine.waitForConsole(formatDiskMarker("by its path"), TO_DISK_MS);
        expect(machine.consoleText()).toContain("pxedge: booting the local disk");
      } finally {
        await machine.powerOff();
      }
    });
  },
);
