#!/bin/sh
# Called by udhcpc with what it was offered.
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip address replace "$ip/$mask" dev "$interface"
[ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
[ -z "$router" ] || ip route replace default via "${router%% *}"
for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf
