import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingNeed } from "../relay/net/needs.ts";
import type { Child } from "../support/lab/child.ts";
import {
  buildBiosDiskImage,
  buildDebianDiskImage,
  formatDiskMarker,
  SIGNED_GRUB,
  SIGNED_SHIM,
} from "../support/lab/disk-image.ts";
import {
  buildLiveInstaller,
  createCounterDisk,
  LIVE_INSTALLER_ARGS,
  readCounter,
} from "../support/lab/live-installer.ts";
import { startMachine, type Machine, type MachineFirmware } from "../support/lab/machine.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { startRecorder, type Recorder } from "../support/lab/recorder.ts";
import { addImage, startSite, type Site } from "./site.ts";

/** Debian's netboot tree, as the package has it: signed shim and GRUB, PXELINUX, and configs that stop at a menu. */
const NETBOOT = "/usr/lib/debian-installer/images/12/amd64/text";
const FILES = "debian-installer/amd64";
const IMAGE_PORT = 8098;
const DISK_BYTES = 64 << 20;
/** A kernel on a host that is busy with other machines may else find its timer broken, and panic. */
const ARGS = `${LIVE_INSTALLER_ARGS} no_timer_check`;
const TO_INSTALLER_MS = 300_000;
const TO_DISK_MS = 240_000;

const TEMPLATE = `---
kind: shell
description: Answers of the lab's live installer
variables:
  imageUrl: { type: string, required: true }
---
IMAGE_URL={{imageUrl}}
EVENTS={{urls.events}}
`;

const missing = missingNeed({
  root: true,
  programs: [
    "/usr/bin/qemu-system-x86_64",
    "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
    "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
    `${NETBOOT}/${FILES}/bootnetx64.efi`,
    "/usr/sbin/dnsmasq",
    "/usr/bin/busybox",
    SIGNED_SHIM,
    SIGNED_GRUB,
  ],
});
const skipped = missing === undefined ? "" : ` (skipped: ${missing})`;

type Place = { directory: string; lab: Lab; site: Site; disks: Recorder };

/** A site whose TFTP root is the distribution's tree as it is, with a profile that installs a disk image. */
async function openPlace(options: { dhcp?: string; site?: object }): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), "pxedge-e2e-"));
  const diskImages = join(directory, "images");
  mkdirSync(diskImages);
  writeFileSync(join(diskImages, "bios.img"), buildBiosDiskImage("installed"));
  writeFileSync(join(diskImages, "debian.img"), await buildDebianDiskImage("installed"));
  const installer = await buildLiveInstaller(join(directory, "installer"));
  const lab = await createLab();
  const site = await startSite(lab, { directory: join(directory, "site"), tftpRoot: NETBOOT, ...options });
  const disks = await startRecorder(lab, { port: IMAGE_PORT, directory: diskImages });
  await site.api.request("PUT", "/templates/live-installer", { text: TEMPLATE });
  await addImage(site.api, "live", { linux: installer.kernel, "initrd.gz": installer.initrd });
  const boot = { mode: "install", image: "live", kernel: "linux", initrds: ["initrd.gz"] };
  await site.api.request("PUT", "/profiles/disk-image", {
    ...boot,
    args: `${ARGS} pxedge.test="two words" pxedge.answer={{urls.answers}}install.sh`,
    answers: { "install.sh": { template: "live-installer" } },
  });
  await site.api.request("PUT", "/profiles/no-answers", { ...boot, args: ARGS });
  return { directory, lab, site, disks };
}

async function closePlace({ directory, lab, site }: Place): Promise<void> {
  await site.stop();
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
}

type Subject = { name: string; mac: string; firmware: MachineFirmware; image: string };

/** A machine with an empty disk is installed once, then its disk boots. Returns what its console showed meanwhile. */
async function expectInstall(place: Place, { name, mac, firmware, image }: Subject): Promise<string> {
  const { site, lab, disks, directory } = place;
  const own = join(directory, name);
  mkdirSync(own);
  const [disk, counter] = [join(own, "disk.img"), join(own, "counter.img")];
  writeFileSync(disk, Buffer.alloc(DISK_BYTES));
  createCounterDisk(counter);
  await site.addMachine(name, mac);
  await site.arm(name, "disk-image", { variables: { imageUrl: `${disks.url}/${image}` } });
  const machine: Machine = await startMachine(lab, { firmware, mac, directory: own, disks: [disk, counter] });
  try {
    await machine.waitForConsole("LIVE-INSTALLER posted: installed", TO_INSTALLER_MS);
    await machine.waitForExit(60_000);
    const shown = machine.consoleText();
    expect(await site.attempts(name)).toMatchObject([{ state: "installed", installs: 1 }]);
    await machine.powerOn();
    await machine.waitForConsole(formatDiskMarker("installed"), TO_DISK_MS);
    expect(machine.consoleText()).toContain("pxedge: booting the local disk");
    expect(readCounter(counter)).toBe(1);
    return shown + machine.consoleText();
  } finally {
    await machine.powerOff();
  }
}

async function filesSent({ site }: Place, machine: string): Promise<string[]> {
  return (await site.timeline(machine)).flatMap(({ stage, name, detail }) =>
    stage === "tftp" && name === "sent" ? [String(detail["file"])] : [],
  );
}

describe.skipIf(missing !== undefined)(`GRUB${skipped}`, () => {
  let place: Place;

  beforeAll(async () => {
    place = await openPlace({ site: { bootFiles: { "efi-x86_64": [`${FILES}/bootnetx64.efi`] } } });
  });
  afterAll(async () => await closePlace(place));

  test.concurrent("Secure Boot: shim, GRUB, a signed kernel over TFTP, an install, then the disk's shim", async () => {
    const shown = await expectInstall(place, {
      name: "secure",
      mac: "52:54:00:e5:b0:0a",
      firmware: "efi-x86_64-secure-boot",
      image: "debian.img",
    });
    expect(shown).toContain("secureboot: Secure boot enabled");
    expect(shown).toContain(`${formatDiskMarker("installed")}, locked down: y`);
    expect(await filesSent(place, "secure")).toEqual(
      expect.arrayContaining([
        `${FILES}/bootnetx64.efi`,
        `${FILES}/grubx64.efi`,
        `/${FILES}/grub/grub.cfg`,
        "/boot/52-54-00-e5-b0-0a/grub.cfg",
        expect.stringMatching(/^\/t\/…\/live\/[0-9a-f]+\/linux$/),
        expect.stringMatching(/^\/t\/…\/live\/[0-9a-f]+\/initrd\.gz$/),
      ]),
    );
  });

  test.concurrent("without Secure Boot: kernel and initrd over HTTP, and a commit before they start", async () => {
    const { site, lab, directory } = place;
    // A boot-file set of one machine: no shim.
    const mac = "52:54:00:e5:b0:0d";
    await site.addMachine("plain", mac, { bootFiles: { "efi-x86_64": [`${FILES}/grubx64.efi`] } });
    await site.arm("plain", "no-answers");
    const own = join(directory, "plain");
    const machine = await startMachine(lab, { firmware: "efi-x86_64", mac, directory: own });
    try {
      const committed = await site.waitForEvent("plain", "answer", "committed", TO_INSTALLER_MS);
      expect(committed.detail).toEqual({ file: "commit" });
      await machine.waitForConsole("LIVE-INSTALLER", TO_INSTALLER_MS);
      expect((await filesSent(place, "plain")).filter((file) => file.startsWith("/t/"))).toEqual([]);
    } finally {
      await machine.powerOff();
    }
  });
});

describe.skipIf(missing !== undefined)(`PXELINUX${skipped}`, () => {
  let place: Place;
  let dhcp: Child;

  // QEMU's BIOS ROM is iPXE, which our DHCP sends to its script: here another server gives it PXELINUX.
  beforeAll(async () => {
    place = await openPlace({ dhcp: "mode: off" });
    const { lab, directory } = place;
    dhcp = await lab.spawn("dnsmasq", [
      ...["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--bind-interfaces"],
      ...[`--interface=${lab.lanInterface}`, "--dhcp-range=192.168.77.50,192.168.77.99,1h"],
      ...[`--dhcp-leasefile=${join(directory, "leases")}`, `--pid-file=${join(directory, "dnsmasq.pid")}`],
      `--dhcp-boot=pxelinux.0,,${lab.lanAddress}`,
    ]);
  });
  afterAll(async () => {
    await dhcp.stop();
    await closePlace(place);
  });

  test("kernel and initrd over TFTP, an install, then the disk", async () => {
    const subject = {
      name: "legacy",
      mac: "52:54:00:e5:b0:0b",
      firmware: "bios",
      image: "bios.img",
    } as const;
    const shown = await expectInstall(place, subject);
    expect(shown.replaceAll(/[\r\n]/g, "")).toMatch(
      /Command line: BOOT_IMAGE=::t\/\S+\/linux BOOTIF=01-52-54-00-e5-b0-0b .* pxedge\.test="two words" /,
    );
    expect(await filesSent(place, "legacy")).toEqual(
      expect.arrayContaining([
        "pxelinux.0",
        "ldlinux.c32",
        expect.stringMatching(/^pxelinux\.cfg\//),
        expect.stringMatching(/^t\/…\/live\/[0-9a-f]+\/initrd\.gz$/),
      ]),
    );
  });
});
