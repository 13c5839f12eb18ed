import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { copyFile, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { run } from "./child.ts";

const BUSYBOX = "/bin/busybox";

/** Text files of an archive, by their path in it; all of them may be executed. */
type Files = Readonly<Record<string, string>>;

/**
 * Puts busybox, with a link an applet, into the `bin` of a file system's root.
 *
 * @throws when busybox-static is not installed.
 */
export async function installBusybox(root: string): Promise<void> {
  mkdirSync(join(root, "bin"), { recursive: true });
  await copyFile(BUSYBOX, join(root, "bin/busybox"));
  for (const applet of (await run(BUSYBOX, ["--list"])).split("\n").filter(Boolean)) {
    if (applet !== "busybox") await run("ln", ["-s", "busybox", join(root, "bin", applet)]);
  }
}

/**
 * Writes an initrd of busybox, of this machine's kernel modules (in `/modules`,
 * and the order to load them in `/modules/order`) and of `files`, among which is `init`.
 *
 * @throws when busybox-static, cpio or the kernel's package is not installed.
 */
export async function buildInitrd(
  path: string,
  { modules, files }: { modules: readonly string[]; files: Files },
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "pxedge-initrd-"));
  const archive = `${root}.cpio`;
  try {
    for (const folder of ["dev", "modules", "mnt", "proc", "sys"]) mkdirSync(join(root, folder));
    await installBusybox(root);
    const order: string[] = [];
    for (const module of await listModuleFiles(modules)) {
      await copyFile(module, join(root, "modules", basename(module)));
      order.push(`${basename(module)}\n`);
    }
    writeFileSync(join(root, "modules/order"), order.join(""));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text, { mode: 0o755 });
    await run("sh", ["-c", 'cd "$1" && find . | cpio --quiet -o -H newc >"$2"', "sh", root, archive]);
    writeFileSync(path, gzipSync(readFileSync(archive), { level: 1 }));
  } finally {
    rmSync(archive, { force: true });
    rmSync(root, { recursive: true, force: true });
  }
}

/** Path of this machine's newest kernel that has both an image and modules. @throws where there is none */
export function findKernel(): string {
  return `/boot/vmlinuz-${findKernelVersion()}`;
}

function findKernelVersion(): string {
  const versions = existsSync("/lib/modules") ? readdirSync("/lib/modules") : [];
  const bootable = versions.filter((version) => existsSync(`/boot/vmlinuz-${version}`));
  const newest = bootable.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
  if (newest === undefined) throw new Error("no kernel in /boot with modules: install linux-image-amd64");
  return newest;
}

/** Paths of modules and what they depend on, in the order to load them. */
async function listModuleFiles(names: readonly string[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of names) {
    const output = await run("modprobe", ["--set-version", findKernelVersion(), "--show-depends", name]);
    lines.push(...output.split("\n"));
  }
  return [...new Set(lines.flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []))];
}
