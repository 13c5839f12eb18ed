import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { copyFile, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { run } from "./child.ts";

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
const BUSYBOX = "/bin/busybox";
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
  const version = findKernelVersion();
  const installer = { kernel: join(directory, "vmlinuz"), initrd: join(directory, "initrd.img") };
  mkdirSync(directory, { recursive: true });
  await copyFile(`/boot/vmlinuz-${version}`, installer.kernel);

  const root = await mkdtemp(join(tmpdir(), "pxedge-live-installer-"));
  try {
    for (const folder of ["bin", "dev", "modules", "proc", "sys"]) mkdirSync(join(root, folder));
    await copyFile(BUSYBOX, join(root, "bin/busybox"));
    for (const applet of (await run(BUSYBOX, ["--list"])).split("\n").filter(Boolean)) {
      if (applet !== "busybox") await run("ln", ["-s", "busybox", join(root, "bin", applet)]);
    }
    const order: string[] = [];
    for (const path of await listModuleFiles(version)) {
      await copyFile(path, join(root, "modules", basename(path)));
      order.push(`${basename(path)}\n`);
    }
    writeFileSync(join(root, "modules/order"), order.join(""));
    writeFileSync(join(root, "udhcpc.sh"), UDHCPC_SCRIPT, { mode: 0o755 });
    writeFileSync(join(root, "init"), readFileSync(INIT), { mode: 0o755 });

    const archive = join(root, "..", `${basename(root)}.cpio`);
    try {
      await run("sh", ["-c", 'cd "$1" && find . | cpio --quiet -o -H newc >"$2"', "sh", root, archive]);
      writeFileSync(installer.initrd, gzipSync(readFileSync(archive), { level: 1 }));
    } finally {
      rmSync(archive, { force: true });
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
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

/** The newest installed kernel that has both an image and modules. */
function findKernelVersion(): string {
  const versions = existsSync("/lib/modules") ? readdirSync("/lib/modules") : [];
  const bootable = versions.filter((version) => existsSync(`/boot/vmlinuz-${version}`));
  const newest = bootable.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
  if (newest === undefined) throw new Error("no kernel in /boot with modules: install linux-image-amd64");
  return newest;
}

/** Paths of the modules and what they depend on, in the order to load them. */
async function listModuleFiles(version: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of MODULES) {
    const output = await run("modprobe", ["--set-version", version, "--show-depends", name]);
    lines.push(...output.split("\n"));
  }
  return [...new Set(lines.flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []))];
}
