#!/usr/bin/env bash
# Licences, banned crates and sources of every dependency; and that the planner stays free of the Temporal SDK.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=0.20.2
tools="${XDG_CACHE_HOME:-$HOME/.cache}/plimsoll-ci"
export PATH="$tools/bin:$PATH"
if [[ "$(cargo deny --version 2>/dev/null)" != "cargo-deny $version" ]]; then
  # Two to five minutes, once. Its own target folder: nothing of it is of use to this workspace.
  CARGO_TARGET_DIR="$tools/target" cargo install cargo-deny --locked --version "$version" --root "$tools"
  rm -rf "$tools/target"
fi
cargo deny check licenses bans sources

if cargo tree -p plimsoll --edges normal,build --prefix none | grep -iE '^(temporal|temporalio|temporal-)[a-z-]*(sdk|client|core)'; then
  echo 'plimsoll links the Temporal SDK; it must build without it'
  exit 1
fi
