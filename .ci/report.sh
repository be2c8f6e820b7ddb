#!/usr/bin/env bash
# A plan of a shipped profile, its HTML page in a real browser: no console messages, no external address, no sideways
# scrolling on a phone or a desk; and the same bytes whatever the number of threads.
#   .ci/report.sh FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder="$1/report"
mkdir -p "$folder"
plimsoll="${CARGO_TARGET_DIR:-$PWD/target}/release/plimsoll"
profile=profiles/order-fulfilment.toml

"$plimsoll" plan "$profile" --html "$folder/report.html" --format json --threads 1 >"$folder/plan-1.json"
"$plimsoll" plan "$profile" --html "$folder/report-2.html" --format json --threads 2 >"$folder/plan-2.json"
cmp "$folder/plan-1.json" "$folder/plan-2.json"
cmp "$folder/report.html" "$folder/report-2.html"

bytes=$(stat -c %s "$folder/report.html")
if ((bytes > 1500000)); then
  echo "report.html has $bytes bytes, more than 1.5 MB"
  exit 1
fi
# Names of XML namespaces are no addresses.
if grep -oE '(https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^"'"'"' )<]*' "$folder/report.html" | grep -v '//www\.w3\.org/'; then
  echo 'report.html names an external address'
  exit 1
fi

bash .ci/browser.sh "$folder/report.html" "$folder"
