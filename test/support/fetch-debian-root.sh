#!/usr/bin/env bash
# fetch-debian-root.sh FILE: a minimal Debian 12 as a tar archive, from the same
# mirror as this machine's own packages, as the host that the relay's package is
# installed on. Nothing is done if FILE is there.
set -euo pipefail
file=$1
[ -s "$file" ] && exit 0
mkdir -p "$(dirname "$file")"
sources=(/etc/apt/sources.list /etc/apt/sources.list.d/debian.sources)
found=()
for each in "${sources[@]}"; do [ -s "$each" ] && found+=("$each"); done
# What the package depends on: installing it needs no network then.
mmdebstrap --quiet --format=tar --variant=essential --include=adduser,libstdc++6,libgcc-s1 bookworm "$file.new" "${found[@]}"
mv "$file.new" "$file"
