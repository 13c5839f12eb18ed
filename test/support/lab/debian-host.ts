import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./child.ts";

/** A command line. */
export type CommandLine = readonly [program: string, ...args: string[]];

/** A Debian of its own, in a folder, with the relay's package installed. */
export type DebianHost = {
  /** The folder that is its `/`. */
  readonly root: string;
  /** Installs a package, or another version of it. @throws when it cannot be */
  install(deb: string): Promise<void>;
  /** Runs a program in it as root. */
  inside(...args: string[]): CommandLine;
  /**
   * Runs a program as the unit runs the service: its user, its capabilities, its view of the file system, and
   * the system calls that it may do.
   */
  confined(...args: string[]): CommandLine;
  /** The unit's `ExecStart`, confined. */
  service(): CommandLine;
};

const UNIT = "usr/lib/systemd/system/pxedge-relay.service";
const LIB = "/usr/lib/pxedge";
const HERE = fileURLToPath(new URL(".", import.meta.url));

/** A root file system; test/support/fetch-debian-root.sh makes it. */
const DEBIAN_ROOT = join(HERE, "../../../.lab/debian-root.tar");

/** What `installOnDebian` needs, besides root. */
export const DEBIAN_HOST_NEEDS = [DEBIAN_ROOT, "/usr/bin/systemd-analyze", "/usr/share/doc/python3-seccomp"];

/**
 * `ProtectSystem=strict`, `PrivateTmp=`, `PrivateDevices=`, `StateDirectory=` and `CacheDirectory=`, by mounts
 * of a namespace of its own.
 */
const CONFINE = `set -e
root=$1; shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for each in null zero random urandom; do
  touch "$root/dev/$each"
  mount --bind "/dev/$each" "$root/dev/$each"
done
for each in var/lib/pxedge var/cache/pxedge; do mount --bind "$root/$each" "$root/$each"; done
mount -o remount,bind,ro "$root"
exec chroot "$root" "$@"`;

/**
 * Unpacks a Debian and installs a package in it. Needs root.
 *
 * @throws when the package cannot be installed
 */
export async function installOnDebian(deb: string, root: string): Promise<DebianHost> {
  mkdirSync(root, { recursive: true });
  await run("tar", ["-C", root, "-xf", DEBIAN_ROOT, "--exclude=./dev/*"], 120_000);
  const install = async (file: string): Promise<void> => {
    const copy = join(root, "package.deb");
    copyFileSync(file, copy);
    await run("chroot", [root, "dpkg", "--force-unsafe-io", "--install", "/package.deb"], 120_000);
    rmSync(copy);
  };
  await install(deb);

  const unit = readFileSync(join(root, UNIT), "utf8");
  const directive = (name: string): string => {
    const [, value] = new RegExp(`^${name}=(.*)$`, "m").exec(unit) ?? [];
    if (value === undefined) throw new Error(`the unit has no ${name}=`);
    return value;
  };
  const user = directive("User");
  // What systemd does before it starts the service.
  await run("chroot", [
    root,
    ...["install", "-d", "-m", "0700", "-o", user, "-g", directive("Group")],
    `/var/lib/${directive("StateDirectory")}`,
    `/var/cache/${directive("CacheDirectory")}`,
  ]);
  copyFileSync(join(HERE, "filtered.cjs"), join(root, "filtered.cjs"));
  const makeFilter = join(HERE, "system-call-filter.py");
  await run("/usr/bin/python3", [makeFilter, join(root, UNIT), join(root, "filter.bpf")]);
  const capabilities = (name: string) =>
    [
      "-all",
      ...directive(name)
        .split(" ")
        .map((each) => `+${each.slice(4).toLowerCase()}`),
    ].join(",");
  const confined = (...args: string[]): CommandLine => [
    "unshare",
    ...["--mount", "--propagation", "private", "sh", "-c", CONFINE, "sh", root],
    ...["setpriv", "--reuid", user, "--regid", directive("Group"), "--clear-groups", "--no-new-privs"],
    ...["--bounding-set", capabilities("CapabilityBoundingSet")],
    ...["--inh-caps", capabilities("AmbientCapabilities")],
    ...["--ambient-caps", capabilities("AmbientCapabilities")],
    ...["env", "-i", ...directive("Environment").split(" "), "PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
    ...[`${LIB}/node`, "/filtered.cjs", `${LIB}/linux_${process.arch}/koffi.node`, "/filter.bpf"],
    ...args,
  ];
  return {
    root,
    install,
    inside: (...args) => ["chroot", root, ...args],
    confined,
    service: () => confined(...directive("ExecStart").split(" ")),
  };
}
