#!/usr/bin/env bash
# Licences, banned crates and sources of every dependency; and that the planner stays free of the Temporal SDK.
#   .ci/dependencies.sh install   only makes cargo-deny, once, in a folder outside the tree
#   .ci/dependencies.sh           checks
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=0.20.2
tools="${XDG_CACHE_HOME:-$HOME/.cache}/plimsoll-ci"
export PATH="$tools/bin:$PATH"

present() { [[ "$(cargo deny --version 2>/dev/null)" == "cargo-deny $version" ]]; }

install() {
  mkdir -p "$tools"
  # Two runs of CI at a time make it once.
  exec 9>"$tools/lock"
  flock 9
  present && return
  # Unoptimised: a check takes two seconds, and it is built in less than half the time. Its own target folder: nothing
  # of it is of use to this workspace.
  CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$tools/target" \
    cargo install cargo-deny --locked --debug --version "$version" --root "$tools" || return 1
  rm -rf "$tools/target"
}

if ! present && ! install; then
  echo "cargo-deny $version cannot be installed: dependencies are NOT checked" >&2
  exit 1
fi
[[ "${1:-}" == install ]] && exit
cargo deny check licenses bans sources

tree="$(cargo tree -p plimsoll --edges normal,build --prefix none)"
if grep -iE '^(temporal|temporalio|temporal-)[a-z-]*(sdk|client|core)' <<<"$tree"; then
  echo 'plimsoll links the Temporal SDK; it must build without it'
  exit 1
fi
