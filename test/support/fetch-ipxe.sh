#!/bin/sh
# Puts the iPXE boot files of a newer Debian release into DEST (default:
# .lab/ipxe in the repository): the machine's own release may lack
# ipxe-arm64.efi and HTTPS in the EFI builds.
#
#   test/support/fetch-ipxe.sh [DEST]      PXEDGE_IPXE_SUITE=trixie
#
# The end-to-end test over HTTPS wants iPXE 2.0 beside it:
#
#   PXEDGE_IPXE_SUITE=unstable test/support/fetch-ipxe.sh .lab/ipxe-unstable
#
# Only the package `ipxe` is downloaded, by apt and checked by apt, from the
# mirror that this machine's own apt sources name; the machine's package lists
# stay as they are. Does nothing when DEST already holds that suite's files.
set -eu

suite=${PXEDGE_IPXE_SUITE:-trixie}
here=$(cd "$(dirname "$0")" && pwd)
dest=${1:-$here/../../.lab/ipxe}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

if [ "$(cat "$dest/.suite" 2>/dev/null || true)" = "$suite" ]; then
  echo "fetch-ipxe: $dest has the files of $suite"
  exit 0
fi

# The mirror of the first source that carries the machine's own release, in
# either of apt's two formats.
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
  awk -v codename="$VERSION_CODENAME" '$2 == codename { print $1; exit }')
if [ -z "$mirror" ]; then
  echo "fetch-ipxe: no apt source for $VERSION_CODENAME on this machine" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
# apt drops its privileges to read and write here.
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
: >"$work/status"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"

apt() {
  apt-get -q -q \
    -o Dir::Etc::SourceList="$work/sources.list" \
    -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null \
    -o Dir::Etc::PreferencesParts=/dev/null \
    -o Dir::State::Lists="$work/lists" \
    -o Dir::State::status="$work/status" \
    -o Dir::Cache="$work/cache" \
    -o Acquire::Languages=none \
    -o APT::Sandbox::User=root \
    "$@"
}

apt update
(cd "$work" && apt download ipxe)
dpkg -x "$work"/ipxe_*.deb "$work/root"

mkdir -p "$dest"
rm -f "$dest/.suite"
find "$work/root/usr/lib/ipxe" -maxdepth 1 -type f \
  \( -name '*.efi' -o -name '*.kpxe' -o -name '*.lkrn' \) -exec cp {} "$dest/" \;
test -s "$dest/ipxe-arm64.efi" || {
  echo "fetch-ipxe: $suite has no ipxe-arm64.efi" >&2
  exit 1
}
# Written last: an interrupted run is repeated.
echo "$suite" >"$dest/.suite"
echo "fetch-ipxe: $(basename "$work"/ipxe_*.deb) -> $dest"
