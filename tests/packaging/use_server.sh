#!/bin/sh
# use_server.sh ROOT INSIDE...: starts guidond in ROOT with the settings of its unit, brings a workspace to it by the
# command line there, reads two flags by the quickstart there, and stops it. INSIDE is the command that runs another one
# in ROOT. Everything that is asked of the server goes to standard output; what guidond logs is in ROOT/guidond.log.
set -eu
root=$1
shift

settings=$(sed -n 's/^Environment=//p' "$root/usr/lib/systemd/system/guidond.service")
program=$(sed -n 's/^ExecStart=//p' "$root/usr/lib/systemd/system/guidond.service")
fail() {
  echo "$*; guidond says:" >&2
  cat "$root/guidond.log" >&2
  exit 1
}

# shellcheck disable=SC2086  # settings and a command line, one word each
env $settings GUIDON_LISTEN=127.0.0.1:0 GUIDON_PORT_FILE=/address "$@" $program 2>"$root/guidond.log" &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
tries=0
until [ -s "$root/address" ]; do
  kill -0 $server 2>/dev/null || fail "guidond ended"
  [ $tries -lt 600 ] || fail "guidond did not tell its address within a minute"
  tries=$((tries + 1))
  sleep 0.1
done

GUIDON_SERVER=http://$(cat "$root/address")
GUIDON_KEY=$(sed -n 's/.*key=\(gdn_adm_[^ "]*\).*/\1/p' "$root/guidond.log")
export GUIDON_SERVER GUIDON_KEY
[ -n "$GUIDON_KEY" ] || fail "there is no admin key"
"$@" /usr/bin/guidon validate /workspace
"$@" /usr/bin/guidon apply /workspace
GUIDON_SDK_KEY=$("$@" /usr/bin/guidon key create --environment production | grep -o 'gdn_srv_[^ "]*')
export GUIDON_SDK_KEY
"$@" /usr/bin/quickstart_c "$GUIDON_SERVER"
"$@" /usr/bin/guidon flag off payments.v2 --environment production
"$@" /usr/bin/quickstart_c "$GUIDON_SERVER"
[ -n "$(ls "$root/var/lib/guidon")" ] || fail "there is nothing in /var/lib/guidon"

trap - EXIT
kill -TERM $server
wait $server || fail "guidond ended with $?"
