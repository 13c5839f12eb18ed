import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingNeed } from "../relay/net/needs.ts";
import {
  buildBiosDiskImage,
  buildDebianDiskImage,
  formatDiskMarker,
  SIGNED_GRUB,
  SIGNED_SHIM,
} from "../support/lab/disk-image.ts";
import { buildLiveInstaller, LIVE_INSTALLER_ARGS } from "../support/lab/live-installer.ts";
import { startMachine, type MachineFirmware } from "../support/lab/machine.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { addImage, startSite, type Site } from "./site.ts";

/** Debian's netboot tree, as the package has it: signed shim and GRUB, PXELINUX, and configs that stop at a menu. */
const NETBOOT = "/usr/lib/debian-installer/images/12/amd64/text";
const FILES = "debian-installer/amd64";
/** The library's has dozens of questions, and on an emulated processor the installer takes half a second for each. */
const PRESEED = `---
kind: preseed
---
d-i preseed/early_command string {{#shell}}wget -q -O /dev/null --post-data="$(hostname)" {{urls.events}}started{{/shell}}
`;
/** A kernel on a host that is busy with other machines may else find its timer broken, and panic. */
const PATIENT = "no_timer_check";
/** The lab has none: the installer need not wait for its routers. */
const NO_IPV6 = "ipv6.disable=1";
const TO_ANSWER_MS = 400_000;
const TO_STARTED_MS = 120_000;
const TO_DISK_MS = 240_000;

const missing = missingNeed({
  root: true,
  programs: [
    "/usr/bin/qemu-system-x86_64",
    "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
    "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
    `${NETBOOT}/${FILES}/bootnetx64.efi`,
    "/usr/sbin/dnsmasq",
    "/usr/bin/busybox",
    "/usr/bin/curl",
    SIGNED_SHIM,
    SIGNED_GRUB,
  ],
});

type Place = { directory: string; lab: Lab; site: Site };

/** A site whose TFTP root is the distribution's tree as it is, with a profile of Debian's installer. */
async function openPlace(options: { dhcp?: string; site?: object }): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), "pxedge-e2e-"));
  const lab = await createLab();
  const site = await startSite(lab, { directory: join(directory, "site"), tftpRoot: NETBOOT, ...options });
  await site.api.request("PUT", "/templates/preseed-debian-12", { text: PRESEED });
  await addImage(site.api, "debian-12", {
    linux: `${NETBOOT}/${FILES}/linux`,
    "initrd.gz": `${NETBOOT}/${FILES}/initrd.gz`,
  });
  await site.api.request("PUT", "/profiles/debian-12", {
    mode: "install",
    image: "debian-12",
    kernel: "linux",
    initrds: ["initrd.gz"],
    args:
      "auto=true priority=critical url={{urls.answers}}preseed.cfg hostname={{machine.name}} interface=auto " +
      `DEBIAN_FRONTEND=text console=ttyS0 ${PATIENT} ${NO_IPV6} pxedge.test="two words" --- console=ttyS0`,
    answers: { "preseed.cfg": { template: "preseed-debian-12" } },
  });
  return { directory, lab, site };
}

async function closePlace({ directory, lab, site }: Place): Promise<void> {
  await site.stop();
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
}

type Subject = { name: string; mac: string; firmware: MachineFirmware; disk: Buffer };

/**
 * Debian's installer acts on its answers; once it is said to be done, the
 * machine gets its disk, which has a system from the start. Returns what the
 * console showed of the installer.
 */
async function expectInstall(place: Place, { name, mac, firmware, disk }: Subject): Promise<string> {
  const { site, lab, directory } = place;
  const own = join(directory, name);
  mkdirSync(own);
  writeFileSync(join(own, "disk.img"), disk);
  await site.addMachine(name, mac);
  await site.arm(name, "debian-12");
  const disks = [join(own, "disk.img")];
  const machine = await startMachine(lab, { firmware, mac, directory: own, disks, memoryMb: 1024 });
  try {
    const committed = await site.waitForEvent(name, "answer", "committed", TO_ANSWER_MS);
    expect(committed.detail).toEqual({ file: "preseed.cfg" });
    // A command of the preseed, which says what the installer takes itself to be called.
    const started = await site.waitForEvent(name, "callback", "started", TO_STARTED_MS);
    expect(started.detail).toEqual({ state: "installing", message: name });
    const shown = machine.consoleText();
    await machine.powerOff();

    // As the rest of the install would end; the capability stands in the kernel's arguments.
    const capability = /\/a\/([0-9a-f]+)\/preseed\.cfg/.exec(shown)?.[1];
    const url = `${site.relayUrl}/e/${capability}/installed`;
    await lab.exec("curl", ["--silent", "--show-error", "--fail", "--request", "POST", url]);
    await machine.powerOn();
    await machine.waitForConsole(formatDiskMarker("installed"), TO_DISK_MS);
    expect(machine.consoleText()).toContain("pxedge: booting the local disk");
    expect(await site.attempts(name)).toMatchObject([{ state: "installed", installs: 1 }]);
    return shown + machine.consoleText();
  } finally {
    await machine.powerOff();
  }
}

/** What TFTP sent to a machine, and how. */
async function sent({ site }: Place, machine: string): Promise<Record<string, unknown>[]> {
  return (await site.timeline(machine))
    .filter(({ stage, name }) => stage === "tftp" && name === "sent")
    .map(({ detail }) => detail);
}

describe.skipIf(missing !== undefined)(
  `boot loaders${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let grub: Place;
    let pxelinux: Place;

    beforeAll(async () => {
      grub = await openPlace({ site: { bootFiles: { "efi-x86_64": [`${FILES}/bootnetx64.efi`] } } });
      // QEMU's BIOS ROM is iPXE, which our DHCP sends to its script: here another server gives it PXELINUX.
      pxelinux = await openPlace({ dhcp: "mode: off" });
      const { lab, directory } = pxelinux;
      await lab.spawn("dnsmasq", [
        ...["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--bind-interfaces"],
        ...[`--interface=${lab.lanInterface}`, "--dhcp-range=192.168.77.50,192.168.77.99,1h"],
        ...[`--dhcp-leasefile=${join(directory, "leases")}`, `--pid-file=${join(directory, "dnsmasq.pid")}`],
        // The installer asks where none comes by DHCP.
        `--dhcp-option=option:dns-server,${lab.lanAddress}`,
        `--dhcp-boot=pxelinux.0,,${lab.lanAddress}`,
      ]);
    });
    afterAll(async () => {
      await closePlace(grub);
      await closePlace(pxelinux);
    });

    test("Secure Boot: shim, GRUB, Debian's signed installer over TFTP, its answers; then the disk's shim", async () => {
      const shown = await expectInstall(grub, {
        name: "secure",
        mac: "52:54:00:e5:b0:0a",
        firmware: "efi-x86_64-secure-boot",
        disk: await buildDebianDiskImage("installed"),
      });
      expect(shown).toContain("secureboot: Secure boot enabled");
      expect(shown).toContain(`${formatDiskMarker("installed")}, locked down: y`);
      const files = await sent(grub, "secure");
      expect(files.map(({ file }) => file)).toEqual(
        expect.arrayContaining([
          `${FILES}/grubx64.efi`,
          `/${FILES}/grub/grub.cfg`,
          "/boot/52-54-00-e5-b0-0a/grub.cfg",
          expect.stringMatching(/^\/t\/…\/debian-12\/[0-9a-f]+\/linux$/),
          expect.stringMatching(/^\/t\/…\/debian-12\/[0-9a-f]+\/initrd\.gz$/),
        ]),
      );
      // T42: what EDK2 asks for.
      const shim = files.find(({ file }) => file === `${FILES}/bootnetx64.efi`);
      expect(shim).toMatchObject({ windowSize: 4, blockSizeBytes: 1468 });
    });

    test("PXELINUX: Debian's installer over TFTP, its answers; then the disk", async () => {
      const shown = await expectInstall(pxelinux, {
        name: "legacy",
        mac: "52:54:00:e5:b0:0b",
        firmware: "bios",
        disk: buildBiosDiskImage("installed"),
      });
      expect(shown.replaceAll(/[\r\n]/g, "")).toMatch(
        /Command line: BOOT_IMAGE=::t\/\S+\/linux BOOTIF=01-52-54-00-e5-b0-0b .* pxedge\.test="two words" ---/,
      );
      expect((await sent(pxelinux, "legacy")).map(({ file }) => file)).toEqual(
        expect.arrayContaining([
          "pxelinux.0",
          "ldlinux.c32",
          expect.stringMatching(/^pxelinux\.cfg\//),
          expect.stringMatching(/^t\/…\/debian-12\/[0-9a-f]+\/initrd\.gz$/),
        ]),
      );
    });

    test("GRUB without Secure Boot: kernel and initrd over HTTP, and a commit before they start", async () => {
      const { site, lab, directory } = grub;
      const installer = await buildLiveInstaller(join(directory, "installer"));
      await addImage(site.api, "live", { linux: installer.kernel, "initrd.gz": installer.initrd });
      await site.api.request("PUT", "/profiles/no-answers", {
        mode: "install",
        image: "live",
        kernel: "linux",
        initrds: ["initrd.gz"],
        args: `${LIVE_INSTALLER_ARGS} ${PATIENT}`,
      });
      // A boot-file set of one machine: no shim.
      const mac = "52:54:00:e5:b0:0d";
      await site.addMachine("plain", mac, { bootFiles: { "efi-x86_64": [`${FILES}/grubx64.efi`] } });
      await site.arm("plain", "no-answers");
      const own = join(directory, "plain");
      const machine = await startMachine(lab, { firmware: "efi-x86_64", mac, directory: own });
      try {
        const committed = await site.waitForEvent("plain", "answer", "committed", TO_ANSWER_MS);
        expect(committed.detail).toEqual({ file: "commit" });
        await machine.waitForConsole("LIVE-INSTALLER", 120_000);
        const files = (await sent(grub, "plain")).map(({ file }) => String(file));
        expect(files.filter((file) => file.startsWith("/t/"))).toEqual([]);
      } finally {
        await machine.powerOff();
      }
    });
  },
);
