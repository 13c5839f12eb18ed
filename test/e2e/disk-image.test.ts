import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingNeed } from "../relay/net/needs.ts";
import { run } from "../support/lab/child.ts";
import { buildLoginImage } from "../support/lab/login-image.ts";
import { startMachine } from "../support/lab/machine.ts";
import { createLab, type Lab } from "../support/lab/network.ts";
import { addImage, startSite, type Site } from "./site.ts";

const ROOT = new URL("../../", import.meta.url);
const BUILD = fileURLToPath(new URL("deploy/live-system/build.sh", ROOT));
const DISK_BYTES = 96 << 20;

const missing = missingNeed({
  root: true,
  programs: [
    "/usr/bin/qemu-system-x86_64",
    "/usr/bin/busybox",
    "/usr/bin/efibootmgr",
    "/usr/bin/zstd",
    "/usr/lib/grub/i386-pc/boot.img",
  ],
});

describe.skipIf(missing !== undefined)(
  `a disk image${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let directory: string;
    let lab: Lab;
    let site: Site;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "pxedge-e2e-"));
      const [live, image] = [join(directory, "live"), join(directory, "disk.img")];
      await run(BUILD, ["--modules", "virtio_pci virtio_blk virtio_net ext4", live], 120_000);
      await buildLoginImage(image);
      await run("zstd", ["-q", image]);
      lab = await createLab();
      site = await startSite(lab, { directory: join(directory, "site"), tftpRoot: "/usr/lib/ipxe" });
      const text = (path: string) => readFileSync(new URL(`templates/${path}.mustache`, ROOT), "utf8");
      const templates = {
        "disk-image": text("shell/disk-image"),
        "meta-data": text("cloud-config/meta-data"),
        "user-data": text("cloud-config/vendor-data"),
      };
      for (const [name, text] of Object.entries(templates)) {
        await site.api.request("PUT", `/templates/${name}`, { text });
      }
      await addImage(site.api, "small-linux", {
        vmlinuz: join(live, "vmlinuz"),
        "initrd.zst": join(live, "initrd.zst"),
        "disk.img.zst": `${image}.zst`,
      });
      const bytes = readFileSync(image);
      await site.api.request("PUT", "/profiles/small-linux", {
        mode: "install",
        image: "small-linux",
        kernel: "vmlinuz",
        initrds: ["initrd.zst"],
        args: "console=ttyS0 quiet pxedge.script={{urls.answers}}disk-image.sh",
        answers: {
          "disk-image.sh": { template: "disk-image" },
          "meta-data": { template: "meta-data" },
          "user-data": { template: "user-data" },
        },
        variables: {
          imageFile: "disk.img.zst",
          imageSha256: createHash("sha256").update(bytes).digest("hex"),
          imageBytes: bytes.length,
          growPartition: 2,
          seedPartition: 2,
        },
      });
    });
    afterAll(async () => {
      await site?.stop();
      await lab?.close();
      rmSync(directory, { recursive: true, force: true });
    });

    /** A machine whose disk holds something, armed and switched on. */
    async function installing(name: string, mac: string, serial: string) {
      const disk = join(directory, `${name}.img`);
      writeFileSync(disk, Buffer.alloc(DISK_BYTES, "what was there before "));
      await site.addMachine(name, mac, { variables: { diskSerial: "ORDERED-1" } });
      await site.arm(name, "small-linux");
      const qemuArguments = ["-global", `virtio-blk-pci.serial=${serial}`];
      const own = join(directory, name);
      const machine = await startMachine(lab, {
        firmware: "bios",
        mac,
        directory: own,
        disks: [disk],
        qemuArguments,
      });
      return { machine, disk };
    }

    test("from power-on to the login prompt of the image on the disk", async () => {
      const startedAt = performance.now();
      const { machine, disk } = await installing("written", "52:54:00:f1:00:01", "ORDERED-1");
      try {
        await machine.waitForConsole("the script is done; restarting", 240_000);
        await machine.waitForExit(30_000);
        await machine.powerOn();
        await machine.waitForConsole("written login:", 120_000);
        console.log(
          `power-on to the login prompt: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`,
        );
        expect(await site.attempts("written")).toMatchObject([{ state: "installed", installs: 1 }]);
        const told = (await site.timeline("written")).filter(({ stage }) => stage === "callback");
        expect(told.map(({ name }) => name)).toEqual(["started", "progress", "installed"]);
        const { partitiontable } = JSON.parse(await run("sfdisk", ["--json", disk]));
        expect(partitiontable.partitions[1].size * 512).toBeGreaterThan(DISK_BYTES - (4 << 20));
      } finally {
        await machine.powerOff();
      }
    });

    test("of a disk that is not the one ordered not a byte changes, and it is said which it is", async () => {
      const { machine, disk } = await installing("guarded", "52:54:00:f1:00:02", "ANOTHER-2");
      const before = readFileSync(disk);
      try {
        const { detail } = await site.waitForEvent("guarded", "callback", "failed", 240_000);
        expect(detail["message"]).toContain(
          "no disk has the serial number ORDERED-1: nothing was written; there are: /dev/vda (serial ANOTHER-2)",
        );
        await machine.waitForExit(30_000);
        expect(await site.attempts("guarded")).toMatchObject([{ state: "failed" }]);
        expect(readFileSync(disk).equals(before)).toBe(true);
      } finally {
        await machine.powerOff();
      }
    });
  },
);
