#!/usr/bin/env bash
# The load generator against a real cluster: brings one up, runs the tests that need it and a short run, cleans up, takes it down.
#   bash .ci/load.sh [DIRECTORY]      artefacts: the runs' files and the logs
# Where no cluster is to be had (no Go, no PostgreSQL) it says so and passes, unless PLIMSOLL_CLUSTER=required: then it fails.
# Bounded: each part has a time limit, and the cluster goes down however it ends.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
artefacts=${1:-${CARGO_TARGET_DIR:-target}/ci}/load
target=${CARGO_TARGET_DIR:-$PWD/target}
name=ci-$$
cluster=loadgen/cluster
mkdir -p "$artefacts"
failed=()

say() { printf '\n-- %s\n' "$*"; }
part() {
  local what=$1 began=$SECONDS
  shift
  say "$what"
  "$@" || failed+=("$what")
  printf '   %d s\n' "$((SECONDS - began))"
}

# shellcheck disable=SC2317  # called by the trap
down() {
  "$cluster/reset" --name "$name" >/dev/null 2>&1
  "$cluster/reset" --name "$name-mtls" >/dev/null 2>&1
}
trap down EXIT
trap 'exit 130' INT TERM

# Ports that nobody listens on: a hundred for each of the two clusters.
free_ports() {
  local base=$1 port
  while [[ $base -lt 60000 ]]; do
    local taken=''
    for port in 32 33 34 35 39 43 53 54 55 59 90 91 92 93; do
      if (exec 3<>"/dev/tcp/127.0.0.1/$((base + port))") 2>/dev/null; then taken=yes; break; fi
    done
    [[ -n $taken ]] || { echo "$base"; return; }
    base=$((base + 100))
  done
  return 1
}

up() { timeout 900 "$cluster/up" --name "$1" --ports "$(free_ports "$2")" --shards 16 "${@:3}" 2>"$artefacts/$1.up.log"; }

say "clusters"
if ! PLIMSOLL_TEST_ENV=$(up "$name" 21200); then
  tail -n 3 "$artefacts/$name.up.log"
  if [[ ${PLIMSOLL_CLUSTER:-} == required ]]; then echo "a cluster is required, and there is none"; exit 1; fi
  echo "no cluster here: these tests stay ignored"
  exit 0
fi
export PLIMSOLL_TEST_ENV PLIMSOLL_CLUSTER=required
if ! PLIMSOLL_TEST_MTLS_ENV=$(up "$name-mtls" 22200 --mtls); then
  tail -n 3 "$artefacts/$name-mtls.up.log"
  failed+=("mTLS cluster")
  unset PLIMSOLL_TEST_MTLS_ENV
else
  export PLIMSOLL_TEST_MTLS_ENV
fi

# What is tested must be what is shipped: the release binary does the run, the tests their own.
binary=$target/release/plimsoll-load
if [[ ! -x $binary ]]; then part "build" cargo build --release -p plimsoll-load; fi

# A command with the cluster's addresses in its environment.
environment() {
  (
    set -a
    # shellcheck disable=SC1090
    source "$PLIMSOLL_TEST_ENV"
    exec "$@"
  )
}

# shellcheck disable=SC2317  # called by part
tests() {
  local programs program listed failures=0 skip=()
  # Two that take seven minutes each, and the first of them a quiet machine: asked for by name.
  [[ -n ${PLIMSOLL_REFERENCE:-} ]] || skip+=(--skip another_sdks_client)
  [[ -n ${PLIMSOLL_OPERATIONS:-} ]] || skip+=(--skip the_server_makes_the_statements)
  mapfile -t programs < <(cargo test --workspace --no-run --message-format json 2>"$artefacts/build.log" \
    | grep '"profile":{[^}]*"test":true' | grep '"manifest_path":"[^"]*/loadgen/Cargo.toml"' | grep -o '"executable":"[^"]*"' | cut -d '"' -f 4)
  [[ ${#programs[@]} -gt 0 ]] || { tail -n 20 "$artefacts/build.log"; echo "no test programs were built"; return 1; }
  for program in "${programs[@]}"; do
    # Nothing ignored in it: nothing to run.
    # The whole list is read: a pipe closed early would look like a program without such tests.
    listed=$("$program" --ignored --list 2>/dev/null)
    [[ $listed == *': test'* ]] || continue
    echo "   ${program##*/}"
    (cd loadgen && environment timeout 700 "$program" --ignored --test-threads 1 "${skip[@]}") || failures=$((failures + 1))
  done
  return "$failures"
}

# shellcheck disable=SC2317  # called by part
one_run() {
  rm -rf "$artefacts/run"
  environment timeout 180 "$binary" run profiles/order-fulfilment.toml --rate 5/s --duration 20s --yes --out "$artefacts/run" --html "$artefacts/run.html"
  local code=$?
  # 1 is a finding (the SLO on a shared machine), 3 a run that does not trust itself: both are answers, and the files are there.
  case $code in 0 | 1) ;; 3) echo "the run judged itself invalid: on a busy machine that is right" ;; *) return "$code" ;; esac
  [[ -s $artefacts/run/run.json && -s $artefacts/run/run.hlog && -s $artefacts/run/resources.csv && -s $artefacts/run.html ]]
}

# shellcheck disable=SC2317  # called by part
clean_up() {
  environment timeout 60 "$binary" cleanup --run "$artefacts/run" || return
  # Asked of the server by another client; its visibility is a moment behind.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    # shellcheck disable=SC2016  # expanded by the shell that has the cluster's environment
    open=$(environment bash -c '"$PLIMSOLL_CLI" workflow count --address "$TEMPORAL_ADDRESS" -n default -o json --query "$0"' \
      "ExecutionStatus='Running' AND WorkflowId STARTS_WITH 'plimsoll-'") || return
    # Temporal's JSON leaves out what is zero.
    [[ $open == *'"count"'* ]] || { echo "nothing is open"; return; }
    sleep 1
  done
  echo "still open: $open"
  return 1
}

part "tests on the cluster" tests
part "a run" one_run
part "clean-up" clean_up

if ((${#failed[@]})); then
  printf '\nFAILED: %s\n' "${failed[*]}"
  exit 1
fi
printf '\nall of it works on a real cluster, %d s\n' "$SECONDS"
