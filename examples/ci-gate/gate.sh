#!/usr/bin/env bash
# What a pipeline runs in front of a deployment: asks the gate, keeps what it said for people and for programs, and asks
# again while it holds.
#
#   GUIDON_SERVER=https://flags.books.example GUIDON_KEY=… ./gate.sh production
#   ./gate.sh production --experiment search-semantic      # what comes behind is for `guidon gate`
#
# GATE_LOOKS (1) says how often it is asked at most, GATE_WAIT (300) how many seconds lie between. The exit code is that
# of the gate: 0 go on, 1 mend it first, 2 no verdict for a mistake, 3 try again later, 4 the server is away.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

(($#)) || { echo "usage: gate.sh ENVIRONMENT [OPTION of guidon gate...]" >&2 && exit 2; }
environment=$1
shift
looks=${GATE_LOOKS:-1}
report=${GATE_REPORT:-gate-report}
rm -rf "$report"
mkdir -p "$report"

for ((look = 1; ; look++)); do
  status=0
  guidon gate --environment "$environment" --workspace flags --code src "$@" \
    --also markdown="$report/gate.md" --also junit="$report/gate.xml" --also sarif="$report/gate.sarif" || status=$?
  ((status == 3 && look < looks)) || break
  echo "look $look of $looks; again in ${GATE_WAIT:-300} s"
  sleep "${GATE_WAIT:-300}"
done

case $status in
  0) echo "go on: deploy to $environment" ;;
  1) echo "stop: mend what is listed above, then run this again" ;;
  3) echo "wait: nothing is wrong, but too little is known; run this again later" ;;
  4) echo "stop: the server cannot be asked" ;;
esac
exit "$status"
