import { chmodSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./child.ts";
import { buildInitrd, findKernel, installBusybox } from "./initrd.ts";

const SECTOR_BYTES = 512;
const GRUB = "/usr/lib/grub/i386-pc";
const ROOT_BYTES = 28 << 20;
/** Sectors: the BIOS boot partition that holds GRUB, then the root file system, then GPT's second half. */
const BIOS_BOOT = 2_048;
const ROOT = 4_096;
const TAIL = 2_048;

/** Mounts the root file system, which is on the first disk's second partition, and goes on there. */
const INITRD_INIT = `#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/modules/$module"; done </modules/order
until [ -b /dev/vda2 ]; do sleep 1; done
mount -t ext4 /dev/vda2 /mnt
mount --move /dev /mnt/dev
umount /proc
exec switch_root /mnt /sbin/init
`;

/** Takes its name from cloud-init's seed, as cloud-init would. */
const START_SCRIPT = `#!/bin/sh
mount -t proc proc /proc
hostname "$(sed -n 's/^local-hostname: "\\(.*\\)"$/\\1/p' /var/lib/cloud/seed/nocloud/meta-data)"
`;

const INITTAB = `::sysinit:/etc/rcS
ttyS0::respawn:/bin/getty -L 115200 ttyS0 vt100
`;

/**
 * Builds the image of a whole disk with a small Linux: GPT, GRUB for a BIOS,
 * this machine's kernel, busybox, and a login prompt on the serial port. Needs
 * grub-pc-bin, grub-common, fdisk, e2fsprogs, linux-image and busybox-static.
 */
export async function buildLoginImage(path: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "pxedge-login-image-"));
  try {
    const filesystem = join(directory, "root.ext2");
    await buildRoot(join(directory, "root"));
    await run("mke2fs", [
      "-q",
      "-t",
      "ext2",
      "-d",
      join(directory, "root"),
      filesystem,
      `${ROOT_BYTES >> 10}k`,
    ]);

    const sectors = ROOT + ROOT_BYTES / SECTOR_BYTES + TAIL;
    writeFileSync(path, "");
    truncateSync(path, sectors * SECTOR_BYTES);
    const table = join(directory, "table");
    writeFileSync(
      table,
      `label: gpt\n` +
        `start=${BIOS_BOOT}, size=${ROOT - BIOS_BOOT}, type=21686148-6449-6E6F-744E-656564454649\n` +
        `start=${ROOT}, size=${ROOT_BYTES / SECTOR_BYTES}, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4\n`,
    );
    await run("sh", ["-c", 'sfdisk -q --no-reread "$1" <"$2"', "sh", path, table]);
    const disk = readFileSync(path);
    disk.set(readFileSync(filesystem), ROOT * SECTOR_BYTES);
    installGrub(disk, await buildGrub(directory));
    writeFileSync(path, disk);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function buildRoot(root: string): Promise<void> {
  for (const folder of ["boot", "dev", "etc", "proc", "root", "sbin"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  await installBusybox(root);
  symlinkSync("../bin/busybox", join(root, "sbin/init"));
  writeFileSync(join(root, "etc/inittab"), INITTAB);
  writeFileSync(join(root, "etc/rcS"), START_SCRIPT);
  chmodSync(join(root, "etc/rcS"), 0o755);
  await copyFile(findKernel(), join(root, "boot/vmlinuz"));
  await buildInitrd(join(root, "boot/initrd"), {
    modules: ["virtio_pci", "virtio_blk", "ext4"],
    files: { init: INITRD_INIT },
  });
}

/** GRUB's core image, which starts the kernel without a menu. */
async function buildGrub(directory: string): Promise<Buffer> {
  const [core, config] = [join(directory, "core.img"), join(directory, "early.cfg")];
  writeFileSync(config, "linux /boot/vmlinuz console=ttyS0 quiet panic=1\ninitrd /boot/initrd\nboot\n");
  const modules = ["biosdisk", "part_gpt", "ext2", "linux"];
  await run("grub-mkimage", [
    ...["-O", "i386-pc", "-d", GRUB, "-p", "(,gpt2)/boot/grub", "-c", config, "-o", core],
    ...modules,
  ]);
  return readFileSync(core);
}

/** What grub-install does, which would need a block device: says where in the disk GRUB's parts are. */
function installGrub(disk: Buffer, core: Buffer): void {
  const boot = readFileSync(join(GRUB, "boot.img")).subarray(0, 440);
  // Where boot.img has the sector of core.img, and core.img's first sector that of what follows it.
  boot.writeBigUInt64LE(BigInt(BIOS_BOOT), 0x5c);
  core.writeBigUInt64LE(BigInt(BIOS_BOOT + 1), SECTOR_BYTES - 12);
  disk.set(boot, 0);
  disk.set(core, BIOS_BOOT * SECTOR_BYTES);
}
