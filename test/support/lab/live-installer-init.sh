#!/bin/sh
# /init of the lab's live installer (live-installer.ts): the smallest thing that
# behaves as an operating system's installer does. It fetches its answers, wipes
# a disk, says so, and restarts. Every step shows as "LIVE-INSTALLER …" on the
# serial console.
#
# Kernel argument: pxedge.answer=URL, an answer file that is a shell fragment:
#   IMAGE_URL          what is written to DISK
#   DISK               default /dev/vda
#   COUNTER_DISK       default /dev/vdb; its first sector counts the installs, as text
#   EVENTS             prefix of the callbacks, e.g. http://192.168.77.1:8080/e/CAPABILITY/
#   CALLBACK           `none`: post nothing, as if each callback were lost
#   HOLD_AFTER_ANSWER  seconds to wait before anything is done, for a power cut
set -o pipefail

say() { echo "LIVE-INSTALLER $*"; }

post() {
  if [ -z "$EVENTS" ] || [ "$CALLBACK" = none ]; then
    say "not posted: $1"
  elif wget -q -O /dev/null --post-data "event=$1" "$EVENTS$1"; then
    say "posted: $1"
  else
    say "cannot post: $1"
  fi
}

fail() {
  say "failed: $*"
  post failed
  poweroff -f
}

# The interface that booted where the loader passes BOOTIF=01-aa-bb-…, else the first.
boot_interface() {
  wanted=$(echo "$BOOTIF" | sed 's/^01-//; s/-/:/g' | tr A-F a-f)
  for interface in /sys/class/net/*; do
    [ "$(cat "$interface/type")" = 1 ] || continue
    if [ -z "$BOOTIF" ] || [ "$(cat "$interface/address")" = "$wanted" ]; then
      basename "$interface"
      return
    fi
  done
  return 1
}

# Firmware and DHCP servers need a moment at times; installers try again, too.
fetch() {
  for _ in 1 2 3 4 5; do
    wget -q -O "$2" "$1" && return
    sleep 1
  done
  return 1
}

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
# Kernel messages would break a marker in two.
echo 1 >/proc/sys/kernel/printk

say started
while read -r module; do
  insmod "/modules/$module" || fail "module $module"
done </modules/order

answer_url=
BOOTIF=
for argument in $(cat /proc/cmdline); do
  case $argument in
  pxedge.answer=*) answer_url=${argument#pxedge.answer=} ;;
  BOOTIF=*) BOOTIF=${argument#BOOTIF=} ;;
  esac
done
[ -n "$answer_url" ] || fail "no pxedge.answer= on the kernel command line"

interface=$(boot_interface) || fail "no interface ${BOOTIF:-at all}"
ip link set "$interface" up
udhcpc -i "$interface" -n -q -t 10 -T 2 -s /udhcpc.sh >/dev/null || fail "no lease on $interface"
say "address $(ip -4 -o address show dev "$interface" | awk '{print $4}') on $interface"

fetch "$answer_url" /answer || fail "answer not served"
say "answer fetched"
. /answer || fail "answer is no shell fragment"
DISK=${DISK:-/dev/vda}
COUNTER_DISK=${COUNTER_DISK:-/dev/vdb}

if [ -n "$HOLD_AFTER_ANSWER" ]; then
  say "holding for $HOLD_AFTER_ANSWER seconds"
  sleep "$HOLD_AFTER_ANSWER"
fi
post started

# Counted before the first byte is written: a wipe that is cut short is one, too.
installs=$(dd if="$COUNTER_DISK" bs=512 count=1 2>/dev/null | tr -cd 0-9)
installs=$((${installs:-0} + 1))
printf '%-511s\n' "$installs" | dd of="$COUNTER_DISK" bs=512 conv=fsync 2>/dev/null || fail "cannot count"
say "install number $installs"

wget -q -O - "$IMAGE_URL" | dd of="$DISK" bs=64k conv=fsync 2>/dev/null || fail "image not written"
sync
say "image written"
post installed
say "restarting"
sync
reboot -f
