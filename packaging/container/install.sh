#!/bin/sh
# What packaging/Containerfile does to a bare Debian 12, as root: installs the packages that lie beside this script with
# the libraries that they name, makes the user `guidon` and its data folder, and removes what was only needed for that,
# this folder among it.
set -eu
folder=$(dirname "$(readlink -f "$0")")
id=8400 # of user and group, the same in every image: who owns a volume does not change with the next one

export DEBIAN_FRONTEND=noninteractive
apt-get -q update
# ca-certificates: whom webhooks are held against.
apt-get -q install --yes --no-install-recommends ca-certificates "$folder"/guidon-server_*.deb "$folder"/guidon-cli_*.deb

groupadd --gid $id guidon
useradd --uid $id --gid $id --no-create-home --home-dir /var/lib/guidon --shell /usr/sbin/nologin guidon
install -d -m 0700 -o guidon -g guidon /var/lib/guidon

apt-get clean
rm -rf /var/lib/apt/lists/* "$folder"
