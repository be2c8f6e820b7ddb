#!/usr/bin/env bash
# The files that `plimsoll emit` makes, before those who read them: promtool checks and tests the alerts, and reads every expression of
# the dashboards. Installs promtool (Debian's `prometheus`) where it is missing and may be installed.
#   bash .ci/emit.sh [DIRECTORY]      artefacts: the files of some shipped profiles
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target="${CARGO_TARGET_DIR:-$PWD/target}"
artefacts="${1:-$target/ci}/emit"
plimsoll="$target/release/plimsoll"
[[ -x $plimsoll ]] || cargo build --release --bin plimsoll

if ! command -v promtool >/dev/null; then
  # The service is not wanted, only its tool.
  apt-get install -y --no-install-recommends prometheus >/dev/null 2>&1 || true
fi
if ! command -v promtool >/dev/null; then
  if [[ ${PLIMSOLL_PROMTOOL:-} == required ]]; then echo "promtool is required, and there is none"; exit 1; fi
  echo "no promtool here: these tests stay ignored"
  exit 0
fi

cargo test -p plimsoll-reports --test emit_monitoring -- --ignored

rm -rf "$artefacts"
for profile in order-fulfilment one-activity nightly-batch; do
  folder="$artefacts/$profile"
  "$plimsoll" plan "$profile" --quiet --out "$folder" >/dev/null
  "$plimsoll" emit all "$folder" --quiet --out "$folder/deploy" >/dev/null
  # The same plan gives the same bytes.
  "$plimsoll" emit all "$folder/plan.json" --quiet --out "$folder/again" >/dev/null
  diff -r "$folder/deploy" "$folder/again"
  rm -r "$folder/again"
  promtool check rules "$folder/deploy/monitoring/alerts.yml"
  (cd "$folder/deploy/monitoring" && promtool test rules alerts_test.yml)
  # What would prove the plan is a profile.
  "$plimsoll" simulate "$folder/deploy/loadtest.toml" --set 'arrivals.phases=[{ for = "10s", rate = "5/s" }]' --quiet >/dev/null || (($? == 1))
  echo "$profile: $(find "$folder/deploy" -type f | wc -l) files"
done
