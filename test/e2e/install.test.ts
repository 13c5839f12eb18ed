import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildBiosDiskImage, buildUefiDiskImage, formatDiskMarker } from "../support/lab/disk-image.ts";
import {
  buildLiveInstaller,
  createCounterDisk,
  LIVE_INSTALLER_ARGS,
  readCounter,
} from "../support/lab/live-installer.ts";
import { missingNeed } from "../relay/net/needs.ts";
import { startMachine, type Machine, type MachineFirmware } from "../support/lab/machine.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { startRecorder, type Recorder } from "../support/lab/recorder.ts";
import { addImage, startSite, type Site } from "./site.ts";

const BOOT_FILES = "/usr/lib/ipxe";
const IMAGE_PORT = 8098;
const DISK_BYTES = 64 << 20;
const TO_INSTALLER_MS = 120_000;
const TO_DISK_MS = 180_000;

const TEMPLATE = `---
kind: shell
description: Answers of the lab's live installer
variables:
  imageUrl: { type: string, required: true }
  callback: { type: string, default: post }
  holdSeconds: { type: number, default: 0 }
---
IMAGE_URL={{imageUrl}}
EVENTS={{urls.events}}
CALLBACK={{callback}}
HOLD_AFTER_ANSWER={{holdSeconds}}
`;

const missing = missingNeed({
  root: true,
  programs: [
    "/usr/bin/qemu-system-x86_64",
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/bin/busybox",
    `${BOOT_FILES}/snponly.efi`,
  ],
});

/** (f): a disk is wiped at most once an arm, whatever is lost, cut or killed. */
describe.skipIf(missing !== undefined)(
  `an install that completes${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let directory: string;
    let lab: Lab;
    let site: Site;
    let images: Recorder;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "pxedge-e2e-"));
      const imageDirectory = join(directory, "images");
      mkdirSync(imageDirectory);
      writeFileSync(join(imageDirectory, "bios.img"), buildBiosDiskImage("installed"));
      writeFileSync(join(imageDirectory, "efi-x86_64.img"), await buildUefiDiskImage("installed"));
      const installer = await buildLiveInstaller(join(directory, "installer"));
      lab = await createLab();
      site = await startSite(lab, { directory: join(directory, "site"), tftpRoot: BOOT_FILES });
      images = await startRecorder(lab, { port: IMAGE_PORT, directory: imageDirectory });
      await site.api.request("PUT", "/templates/live-installer", { text: TEMPLATE });
      await addImage(site.api, "live-installer", { linux: installer.kernel, "initrd.gz": installer.initrd });
      await site.api.request("PUT", "/profiles/disk-image", {
        mode: "install",
        image: "live-installer",
        kernel: "linux",
        initrds: ["initrd.gz"],
        args: `${LIVE_INSTALLER_ARGS} pxedge.answer={{urls.answers}}install.sh`,
        answers: { "install.sh": { template: "live-installer" } },
      });
    });
    afterAll(async () => {
      await site?.stop();
      await lab?.close();
      rmSync(directory, { recursive: true, force: true });
    });

    type Subject = { machine: Machine; name: string; counter: string; image: string };

    /** A machine with an empty disk and a disk that counts its installs, armed and switched on. */
    async function installing(
      name: string,
      firmware: MachineFirmware,
      variables: Record<string, string | number> = {},
    ): Promise<Subject> {
      const own = join(directory, name);
      mkdirSync(own);
      const [disk, counter] = [join(own, "disk.img"), join(own, "counter.img")];
      writeFileSync(disk, Buffer.alloc(DISK_BYTES));
      createCounterDisk(counter);
      const mac = `52:54:00:f0:00:${(macs++).toString(16).padStart(2, "0")}`;
      await site.addMachine(name, mac);
      const image = `${firmware}.img`;
      await site.arm(name, "disk-image", { variables: { imageUrl: `${images.url}/${image}`, ...variables } });
      const machine = await startMachine(lab, { firmware, mac, directory: own, disks: [disk, counter] });
      return { machine, name, counter, image };
    }
    let macs = 1;

    /** Boots again, twice, and sees the installed disk come up each time. */
    async function expectDiskBoots({ machine, counter }: Subject): Promise<void> {
      for (let boot = 0; boot < 2; boot++) {
        await machine.powerOn();
        await machine.waitForConsole(formatDiskMarker("installed"), TO_DISK_MS);
        expect(machine.consoleText()).toContain("pxedge: booting the local disk");
        expect(machine.consoleText()).not.toContain("LIVE-INSTALLER");
      }
      expect(readCounter(counter)).toBe(1);
    }

    async function expectAttempt(name: string, state: string): Promise<void> {
      expect(await site.attempts(name)).toMatchObject([{ state, installs: 1 }]);
    }

    for (const firmware of ["bios", "efi-x86_64"] as const) {
      test(`${firmware}: installed once, then its disk boots`, async () => {
        const subject = await installing(`once-${firmware}`, firmware);
        try {
          await subject.machine.waitForConsole("LIVE-INSTALLER posted: installed", TO_INSTALLER_MS);
          await subject.machine.waitForExit(20_000);
          await expectAttempt(subject.name, "installed");
          await expectDiskBoots(subject);
        } finally {
          await subject.machine.powerOff();
        }
      });
    }

    test("every callback lost: a warning, not a second install", async () => {
      const subject = await installing("callbacks-lost", "bios", { callback: "none" });
      try {
        await subject.machine.waitForConsole("LIVE-INSTALLER restarting", TO_INSTALLER_MS);
        await subject.machine.waitForExit(20_000);
        await expectDiskBoots(subject);
        await expectAttempt(subject.name, "committed");
      } finally {
        await subject.machine.powerOff();
      }
    });

    test("the power cut right after the commit: the machine is left to its disk", async () => {
      const subject = await installing("power-cut", "bios", { holdSeconds: 600 });
      const { machine } = subject;
      try {
        await site.waitForEvent(subject.name, "answer", "committed", TO_INSTALLER_MS);
        await machine.powerOff();
        for (let boot = 0; boot < 2; boot++) {
          await machine.powerOn();
          await machine.waitForConsole("pxedge: booting the local disk", 60_000);
          // The disk is empty still: the firmware finds nothing to boot, and nothing else may come.
          await machine.waitForConsole(/No bootable device|Boot failed/, 60_000);
          expect(machine.consoleText()).not.toContain("LIVE-INSTALLER");
        }
        expect(readCounter(subject.counter)).toBe(0);
        await expectAttempt(subject.name, "committed");
      } finally {
        await machine.powerOff();
      }
    });

    test("the relay killed between commit and callback: one install all the same", async () => {
      const subject = await installing("relay-killed", "bios", { holdSeconds: 5 });
      const { machine } = subject;
      try {
        await site.waitForEvent(subject.name, "answer", "committed", TO_INSTALLER_MS);
        await site.killRelay();
        await machine.waitForConsole("LIVE-INSTALLER restarting", TO_INSTALLER_MS);
        await machine.waitForExit(20_000);
        expect(machine.consoleText()).toContain("LIVE-INSTALLER cannot post: installed");
        await site.startRelay();
        await expectDiskBoots(subject);
        await expectAttempt(subject.name, "committed");
      } finally {
        await machine.powerOff();
      }
    });
  },
);
