#!/usr/bin/env bash
# What a pipeline runs behind a deployment: asks the gate once more, which now waits until 95 % of the live processes hold
# the newest revision, and names those that do not.
#
#   GUIDON_SERVER=https://flags.books.example GUIDON_KEY=… ./delivered.sh production
#   ./delivered.sh production --release 4.2.0      # of processes of this version; what comes behind is for `guidon gate`
#
# GATE_WITHIN (10m) says how long they may take. The exit code is that of the gate: 0 all is there, 1 mend it first, 2 no
# verdict for a mistake, 3 not yet, 4 the server is away.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

(($#)) || { echo "usage: delivered.sh ENVIRONMENT [OPTION of guidon gate...]" >&2 && exit 2; }
environment=$1
shift

status=0
guidon gate --environment "$environment" --workspace flags --revision head --min-share 95% \
  --wait "${GATE_WITHIN:-10m}" "$@" || status=$?
case $status in
  0) echo "done: $environment has it" ;;
  1) echo "look: something is wrong in $environment; what is listed above says what" ;;
  3) echo "wait: not everybody has it yet; run this again later" ;;
  4) echo "look: the server cannot be asked" ;;
esac
exit "$status"
