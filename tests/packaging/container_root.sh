#!/bin/sh
# container_root.sh FOLDER: makes FOLDER, a bare Debian 12 as an image of it has it, unless it is there. It comes from the
# mirror that apt uses on this machine. Exit code 3: there can be none, and standard output says why.
set -eu
folder=$1
[ ! -d "$folder" ] || exit 0
PATH=$PATH:/usr/sbin:/sbin

skip() {
  echo "$1"
  exit 3
}
[ "$(id -u)" = 0 ] || skip "a root of Debian is made by root only"
command -v debootstrap >/dev/null || skip "there is no debootstrap: ./dev test all installs it"
# "deb MIRROR bookworm main" and the like, also of what comes by the newer form of the lists.
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  grep -E ' bookworm(-updates|-security)? main$' | sort -u || true)
mirror=$(printf '%s\n' "$sources" | sed -n 's/^deb \(.*\) bookworm main$/\1/p' | head -n 1)
[ -n "$mirror" ] || skip "apt knows no mirror of Debian 12 here (apt-get update was never run, or it is another system)"

rm -rf "$folder.partial"
debootstrap --variant=minbase bookworm "$folder.partial" "$mirror"
printf '%s\n' "$sources" >"$folder.partial/etc/apt/sources.list"
# How this machine reaches it.
apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date) ' \
  >"$folder.partial/etc/apt/apt.conf.d/90mirror" || true
mv "$folder.partial" "$folder"
