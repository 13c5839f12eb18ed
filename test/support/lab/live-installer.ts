import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { buildInitrd, findKernel } from "./initrd.ts";

/** What a machine needs to run the live installer; see live-installer-init.sh for its answers. */
export type LiveInstaller = {
  /** Path of the kernel, x86-64. */
  readonly kernel: string;
  /** Path of the initrd. */
  readonly initrd: string;
};

/** Its kernel arguments but for `pxedge.answer=URL` (and `BOOTIF=…`). */
export const LIVE_INSTALLER_ARGS = "console=ttyS0 panic=1";

const INIT = new URL("live-installer-init.sh", import.meta.url);
/** Debian's kernel has these as modules. */
const MODULES = ["virtio_pci", "virtio_blk", "virtio_net"];
const COUNTER_DISK_BYTES = 1_048_576;

/** Called by udhcpc with what it was offered. */
const UDHCPC_SCRIPT = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
[ -z "$router" ] || ip route add default via "\${router%% *}"
`;

/**
 * Puts kernel and initrd of the live installer into `directory`, from this
 * machine's linux-image, busybox-static and cpio.
 *
 * @throws when one of these is not installed.
 */
export async function buildLiveInstaller(directory: string): Promise<LiveInstaller> {
  const installer = { kernel: join(directory, "vmlinuz"), initrd: join(directory, "initrd.img") };
  mkdirSync(directory, { recursive: true });
  await copyFile(findKernel(), installer.kernel);
  await buildInitrd(installer.initrd, {
    modules: MODULES,
    files: { init: readFileSync(INIT, "utf8"), "udhcpc.sh": UDHCPC_SCRIPT },
  });
  return installer;
}

/** A disk on which the live installer counts its installs; zero of them so far. */
export function createCounterDisk(path: string): void {
  writeFileSync(path, Buffer.alloc(COUNTER_DISK_BYTES));
}

/** How often the live installer began to write a disk. @throws when the disk holds no count. */
export function readCounter(path: string): number {
  const sector = readFileSync(path).subarray(0, 512).toString("latin1");
  if (/^\0+$/.test(sector)) return 0;
  if (!/^\d+ +\n$/.test(sector)) throw new Error(`${path} holds no count: ${JSON.stringify(sector)}`);
  return Number.parseInt(sector, 10);
}
