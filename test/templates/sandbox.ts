import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/**
 * Programs of an installer, for a machine with two disks and two NICs: sda
 * (100 bytes, serial AAA), sdb (50 bytes, serial BBB, which udev has in its long
 * form only), and a card reader without a card. Callbacks are written down as
 * `name: body`.
 */
const PROGRAMS: Readonly<Record<string, string>> = {
  lsblk: `printf '100 disk /dev/sda\\n50 disk /dev/sdb\\n0 disk /dev/sdc\\n70 rom /dev/sr0\\n'`,
  "list-devices": `printf '/dev/sda\\n/dev/sdb\\n'`,
  udevadm: `case "$*" in
    */dev/sda) printf 'ID_SERIAL=Some_Model_AAA\\nID_SERIAL_SHORT=AAA\\n' ;;
    */dev/sdb) printf 'ID_SERIAL=BBB\\n' ;;
  esac`,
  curl: `while [ $# -gt 1 ]; do
    case $1 in --data-binary|-d) body=$2 ;; -o) file=$2 ;; esac; shift
  done
  case $1 in */a/*) echo "echo ran \${1##*/} >> $ROOT/said" > "$file"; exit ;; esac
  [ "$body" != @- ] || body=$(cat)
  echo "\${1##*/}: $body" >> $ROOT/said`,
  wget: `for each in "$@"; do
    case $each in --post-data=*) body=\${each#*=} ;; --post-file=*) body=$(cat "\${each#*=}") ;; esac
    [ "$last" != -O ] || file=$each
    last=$each
  done
  case $last in */a/*) echo "echo ran \${last##*/} >> $ROOT/said" > "$file"; exit ;; esac
  echo "\${last##*/}: $body" >> $ROOT/said`,
  "debconf-set": `echo "$1=$2" >> $ROOT/debconf`,
  "in-target": `[ "$1" != --pass-stdout ] || shift
  case $1 in
    $ROOT/root/*) sh "$ROOT/target\${1#$ROOT}" ;;
    sh) shift; sh "$@" ;;
    *) echo "$*" >> $ROOT/ran ;;
  esac`,
  efibootmgr: `case "$*" in
    *-o*) echo "$*" >> $ROOT/efi ;;
    *) printf 'BootCurrent: 0003\\nBootOrder: 0004,0001,0003,0002\\nBoot0001* UEFI PXEv4 (MAC:525400123456)\\nBoot0002* EFI Internal Shell\\nBoot0003* UEFI HTTPv4\\nBoot0004* system\\n' ;;
  esac`,
  mountpoint: `exit 0`,
  dnf: `echo "dnf $*" >> $ROOT/ran`,
  systemctl: `echo "systemctl $*" >> $ROOT/ran`,
  nmcli: `echo "nmcli $*" >> $ROOT/ran`,
  networkctl: `echo "networkctl $*" >> $ROOT/ran`,
  "flatcar-install": `echo "flatcar-install $*" >> $ROOT/ran`,
  poweroff: `exit 0`,
  // Whoever waits for ever has stopped.
  sleep: `kill $PPID`,
  uname: `echo 6.1`,
  hostname: `echo web-1`,
};

const FILES: Readonly<Record<string, string>> = {
  "sys/class/block/sda/size": "100\n",
  "sys/class/block/sdb/size": "50\n",
  "sys/class/net/eno1/address": "52:54:00:12:34:56\n",
  "sys/class/net/eno2/address": "52:54:00:12:34:57\n",
  "target/etc/hosts": "127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n",
  "target/etc/network/interfaces": "as the installer wrote it\n",
  "var/log/syslog": "the end of the log\n",
  said: "",
};

/** What a script did. */
export type Ran = {
  /** `null`: it waits for ever. */
  readonly status: number | null;
  readonly stderr: string;
  /** Its callbacks, as `name: body`. */
  readonly said: readonly string[];
  /** A file that it wrote, by its path in the installer. */
  readonly read: (path: string) => string | null;
};

/**
 * Runs a script of an installer in a folder of its own: the paths that it
 * reads and writes lead there, disks need not be block devices.
 */
export function runScript(
  script: string,
  {
    files = {},
    without = [],
  }: { files?: Readonly<Record<string, string>>; without?: readonly string[] } = {},
): Ran {
  const root = mkdtempSync(join(tmpdir(), "pxedge-script-"));
  try {
    const put = (path: string, text: string) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    for (const [path, text] of Object.entries({ ...FILES, ...files })) put(path, text);
    for (const folder of ["tmp", "dev", "root", "etc/systemd/system", "etc/systemd/network", "target/root"]) {
      mkdirSync(join(root, folder), { recursive: true });
    }
    for (const [name, body] of Object.entries(PROGRAMS)) {
      if (without.includes(name)) continue;
      put(`bin/${name}`, `#!/bin/sh\nROOT=${root}\n${body}\n`);
      chmodSync(join(root, "bin", name), 0o755);
    }
    const moved = script
      .replaceAll(
        /(?<![\w/.$}"'*-])\/(?=(?:sys|target|tmp|var|root|etc|dev\/console|autoinstall\.yaml))/g,
        `${root}/`,
      )
      .replaceAll("[ -b ", "[ -n ");
    const { status, stderr } = spawnSync("/bin/sh", ["-c", moved], {
      encoding: "utf8",
      env: { PATH: `${root}/bin:/usr/bin:/bin` },
    });
    const written = new Map<string, string | null>();
    const read = (path: string) => {
      const file = join(root, path);
      return existsSync(file) ? readFileSync(file, "utf8").replaceAll(root, "") : null;
    };
    // Read while it is there.
    for (const path of READ) written.set(path, read(path));
    return {
      status,
      stderr: stderr.replaceAll(root, ""),
      said: read("said")!.trim().split("\n"),
      read: (path) => {
        if (!READ.includes(path)) throw new Error(`${path} is not among the files that are kept`);
        return written.get(path)!;
      },
    };
  } finally {
    rmSync(root, { recursive: true });
  }
}

const READ = [
  "/tmp/pxedge-disk.ks",
  "/tmp/pxedge-network.ks",
  "/tmp/profile/modified.xml",
  "/autoinstall.yaml",
  "/target/etc/hostname",
  "/target/etc/hosts",
  "/target/etc/network/interfaces",
  "/target/etc/resolv.conf",
  "/target/root/.ssh/authorized_keys",
  "/target/home/ops/.ssh/authorized_keys",
  "/etc/pxedge-ansible-pull",
  ...["-bond.netdev", "-ports.network", ".network", "-vlan.netdev", "-vlan.network"].map(
    (suffix) => `/etc/systemd/network/10-pxedge${suffix}`,
  ),
  "/debconf",
  "/efi",
  "/ran",
];
