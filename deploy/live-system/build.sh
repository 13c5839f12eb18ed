#!/usr/bin/env bash
# Builds pxedge's live system, which runs one script in memory (init says how): the
# kernel DIRECTORY/vmlinuz and DIRECTORY/initrd.zst, of what is installed on this
# machine. No root needed. On Debian 12 or newer, of the machines' architecture:
#
#   apt-get install linux-image-amd64 busybox-static kmod cpio zstd fdisk efibootmgr
#   deploy/live-system/build.sh DIRECTORY
#
#   --kernel VERSION   instead of the newest one in /boot, e.g. 6.1.0-56-amd64
#   --modules "NAME …" these drivers and what they need, instead of those of all wired
#                      NICs, disk controllers and common file systems
#
# Firmware files that a driver asks for go along where they are installed
# (firmware-bnx2x and so on).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

usage() {
  echo "usage: $0 [--kernel VERSION] [--modules \"NAME …\"] DIRECTORY" >&2
  exit 2
}
kernel='' modules='' out=''
while [ $# -gt 0 ]; do
  case $1 in
  --kernel) kernel=${2-} && shift 2 || usage ;;
  --modules) modules=${2-} && shift 2 || usage ;;
  -*) usage ;;
  *) [ -z "$out" ] || usage; out=$1; shift ;;
  esac
done
[ -n "$out" ] || usage
PATH=$PATH:/usr/sbin:/sbin

stop() { echo "$0: $*" >&2; exit 1; }
for program in busybox kmod cpio zstd sfdisk efibootmgr; do
  command -v "$program" >/dev/null || stop "$program is missing: install its package (see the top of this file)"
done
# The applets must not need libraries of their own.
busybox=$(command -v busybox)
if ldd "$busybox" >/dev/null 2>&1; then stop "$busybox is not static: install busybox-static"; fi

# The newest one that has both an image and modules.
newest_kernel() {
  for image in /boot/vmlinuz-*; do
    [ ! -d "/lib/modules/${image#/boot/vmlinuz-}" ] || echo "${image#/boot/vmlinuz-}"
  done | sort -V | tail -n 1
}
kernel=${kernel:-$(newest_kernel)}
[ -r "/boot/vmlinuz-$kernel" ] || stop "there is no kernel /boot/vmlinuz-$kernel: install linux-image-amd64"
tree=/lib/modules/$kernel

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,dev,etc,mnt,proc,run,sbin,sys,usr/bin,usr/sbin} "$out"

# --- Programs ---------------------------------------------------------------

# A program and its libraries, at their own paths.
copy_program() {
  local path
  path=$(readlink -f "$(command -v "$1")")
  cp -L "$path" "$root/usr/sbin/$1"
  ldd "$path" | grep -o '/[^ ]*' | xargs -r cp -L --parents -t "$root" 2>/dev/null
}
cp -L "$busybox" "$root/bin/busybox"
"$busybox" --list | grep -vx busybox | while read -r applet; do ln -s busybox "$root/bin/$applet"; done
for program in kmod zstd sfdisk efibootmgr; do copy_program "$program"; done
# The kernel asks for a file system's driver by this name.
ln -s ../usr/sbin/kmod "$root/sbin/modprobe"
install -m 755 "$here/init" "$root/init"
install -m 755 "$here/udhcpc.sh" "$root/etc/udhcpc.sh"

# --- Drivers ----------------------------------------------------------------

# Paths below $tree, without what they depend on.
wanted_modules() {
  if [ -n "$modules" ]; then
    # One that is built into the kernel has no path.
    for name in $modules; do
      modprobe -S "$kernel" -D "$name" >"$root/run/needed" || stop "Linux $kernel has no module $name"
      sed -n "s|^insmod $tree/||p" "$root/run/needed"
    done
    rm -f "$root/run/needed"
    return
  fi
  (
    cd "$tree"
    find kernel/drivers/net/ethernet kernel/drivers/net/phy kernel/drivers/net/virtio_net.ko* \
      kernel/drivers/net/vmxnet3 kernel/drivers/net/hyperv kernel/drivers/ata kernel/drivers/block \
      kernel/drivers/hv kernel/drivers/message kernel/drivers/mmc kernel/drivers/nvme \
      kernel/drivers/pci kernel/drivers/scsi kernel/drivers/virtio kernel/fs/btrfs kernel/fs/efivarfs \
      kernel/fs/ext4 kernel/fs/fat kernel/fs/nls kernel/fs/xfs -name '*.ko*' 2>/dev/null
  ) || :
}
wanted_modules >"$root/run/wanted"
# modules.dep has all that a module needs on its line, the needed ones' needs included.
awk -F '[: ]+' 'NR == FNR { wanted[$1] = 1; next } $1 in wanted { for (i = 1; i <= NF; i++) if ($i != "") print $i }' \
  "$root/run/wanted" "$tree/modules.dep" | sort -u >"$root/run/copied"
mkdir -p "$root$tree"
(cd "$tree" && xargs -r cp --parents -t "$root$tree" <"$root/run/copied")
cp "$tree"/modules.builtin* "$tree/modules.order" "$root$tree/"
depmod -b "$root" "$kernel"
while read -r module; do
  modinfo -F firmware "$tree/$module" | while read -r file; do
    for found in /lib/firmware/"$file"*; do
      [ ! -f "$found" ] || cp -L --parents -t "$root" "$found"
    done
  done
done <"$root/run/copied"
rm "$root/run/wanted" "$root/run/copied"

# --- The archive ------------------------------------------------------------

# The same bytes of the same files.
find "$root" -exec touch -h -d @0 {} +
(cd "$root" && find . -print0 | LC_ALL=C sort -z | cpio --null --quiet --reproducible -o -H newc -R 0:0) |
  zstd -q -f -12 -T0 -o "$out/initrd.zst"
install -m 644 "/boot/vmlinuz-$kernel" "$out/vmlinuz"
echo "$out/vmlinuz $out/initrd.zst: Linux $kernel, $(stat -c %s "$out/initrd.zst") bytes of initrd"
