import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Types of GPT's partitions. */
const BIOS_BOOT = "21686148-6449-6e6f-744e-656564454649";
const EFI_SYSTEM = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

/**
 * Programs of an installer, for a machine with two disks and two NICs: sda
 * (100 bytes, serial AAA), sdb (50 bytes, serial BBB, which udev has in its long
 * form only), and a card reader without a card. Callbacks are written down as
 * `name: body`.
 */
const PROGRAMS: Readonly<Record<string, string>> = {
  lsblk: `for last in "$@"; do :; done
  case "$*" in
    *-nrspo*) printf '/dev/md127 raid1\\n/dev/sda3 part\\n/dev/sda disk\\n/dev/sdb3 part\\n/dev/sdb disk\\n' ;;
    *PARTTYPE*) printf "$last\\n\${last}1 ${BIOS_BOOT}\\n\${last}2 ${EFI_SYSTEM}\\n" ;;
    *) printf '100 disk /dev/sda\\n50 disk /dev/sdb\\n0 disk /dev/sdc\\n70 rom /dev/sr0\\n' ;;
  esac`,
  blkid: `case "$*" in *2) echo ${EFI_SYSTEM} ;; *) echo ${BIOS_BOOT} ;; esac`,
  findmnt: `case "$*" in */boot/efi) echo /dev/sda2 ;; *) echo /dev/md127 ;; esac`,
  mount: `echo "mount $*" >> $ROOT/ran`,
  umount: `exit 0`,
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
  "debconf-get": `sed -n "s,^$1=,,p" $ROOT/debconf`,
  "in-target": `[ "$1" != --pass-stdout ] || shift
  case $1 in
    $ROOT/root/*) sh "$ROOT/target\${1#$ROOT}" ;;
    sh) shift; sh "$@" ;;
    blkid) "$@" ;;
    *) echo "$*" >> $ROOT/ran ;;
  esac`,
  efibootmgr: `order=$(cat $ROOT/order 2> /dev/null || echo 0004,0001,0003,0002)
  for last in "$@"; do :; done
  case "$*" in
    *-o*) echo "$*" >> $ROOT/efi; echo "$last" > $ROOT/order ;;
    *-c*) printf '%s\\n' "$*" >> $ROOT/efi; echo "0005,$order" > $ROOT/order ;;
    *) printf "BootCurrent: 0003\\nBootOrder: $order\\n"; printf 'Boot0001* UEFI PXEv4 (MAC:525400123456)\\nBoot0002* EFI Internal Shell\\nBoot0003* UEFI HTTPv4\\nBoot0004* system\\n' ;;
  esac`,
  mountpoint: `exit 0`,
  dnf: `echo "dnf $*" >> $ROOT/ran`,
  systemctl: `echo "systemctl $*" >> $ROOT/ran`,
  nmcli: `echo "nmcli $*" >> $ROOT/ran`,
  networkctl: `echo "networkctl $*" >> $ROOT/ran`,
  "flatcar-install": `echo "flatcar-install $*" >> $ROOT/ran`,
  "coreos-installer": `echo "coreos-installer $*" >> $ROOT/ran; [ ! -e $ROOT/no-space ] || { echo "no space left"; exit 1; }`,
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
        /(?<![\w/.$}"'*-])\/(?=(?:sys|proc|target|tmp|var|root|etc|boot\/efi\/EFI|dev\/console|autoinstall\.yaml))/g,
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
  "/tmp/pxedge-time.ks",
  "/tmp/profile/modified.xml",
  "/autoinstall.yaml",
  "/target/etc/hostname",
  "/target/etc/hosts",
  "/target/etc/fstab",
  "/tmp/pxedge-efi/EFI/debian/shimx64.efi",
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
