#!/bin/sh
# M/M/10 on SimPy and Ciw from PyPI, beside Plimsoll's engine.
#
# Usage: benches/peers/python.sh [ROUNDS]        (default 3)
# Needs python3 with venv, and PyPI (or a mirror pip is configured for) the first time.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
environment=$target/python-peers
rounds=${1:-3}

if ! command -v python3 >/dev/null; then
    echo "python.sh: python3 is not installed" >&2
    exit 1
fi

# The stamp is written last: an installation that was cut short is repeated.
if ! cmp -s "$here/requirements.txt" "$environment/installed.txt"; then
    rm -rf "$environment"
    if ! python3 -m venv "$environment"; then
        echo "python.sh: python3 cannot make a virtual environment (on Debian: apt install python3-venv)" >&2
        exit 1
    fi
    if ! "$environment/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 15 \
        -r "$here/requirements.txt"; then
        echo "python.sh: pip could not install the versions in benches/peers/requirements.txt;" >&2
        echo "           is PyPI, or the mirror pip is configured for, within reach?" >&2
        exit 1
    fi
    cp "$here/requirements.txt" "$environment/installed.txt"
fi

cd "$root"
cargo build --quiet --release -p plimsoll-benches --bin speed
exec "$environment/bin/python" "$here/compare.py" "$target/release/speed" "$rounds"
