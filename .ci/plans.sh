#!/usr/bin/env bash
# Every shipped profile has a plan, soon.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
plimsoll="${CARGO_TARGET_DIR:-$PWD/target}/release/plimsoll"
# Five seconds on an idle machine of two cores; this one may be shared.
most=15

slow=0
TIMEFORMAT='%R s, %U s of CPU'
for profile in profiles/*.toml; do
  [[ "$profile" == profiles/Cargo.toml ]] && continue
  began=$SECONDS
  printf '%s: ' "$profile"
  time "$plimsoll" plan "$profile" --quiet >/dev/null
  if ((SECONDS - began > most)); then
    echo "$profile: more than $most s"
    slow=1
  fi
done
exit "$slow"
