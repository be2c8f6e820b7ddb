# shellcheck shell=bash disable=SC2034,SC2154
# Shared by the commands: where a cluster lives, its ports and options, which processes are its own.

set -euo pipefail

TEMPORAL_VERSION=1.31.2
# The newest tag of the command line that `go install` accepts: later ones have a replace directive in go.mod.
CLI_VERSION=1.5.1
PG_MAJOR=15
SERVICES=(frontend history matching worker)
MARKER=.plimsoll-cluster

say() { printf '%s\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

default_state_root() {
  if [[ $EUID -eq 0 ]]; then echo /var/lib/plimsoll; else echo "${XDG_STATE_HOME:-$HOME/.local/state}/plimsoll"; fi
}

# Everything a cluster owns is below $STATE; binaries and downloads are below $CACHE and shared by all clusters.
set_paths() {
  [[ $NAME =~ ^[a-z0-9][a-z0-9-]{0,30}$ ]] || die "a cluster's name is lower-case letters, digits and dashes, not '$NAME'"
  CACHE=${PLIMSOLL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/plimsoll}
  BIN=$CACHE/bin
  STATE=${PLIMSOLL_STATE:-$(default_state_root)}/$NAME
  # They are written into files that shells and PostgreSQL read unquoted.
  [[ $STATE =~ ^/[A-Za-z0-9._/+@-]+$ ]] || die "the path '$STATE' must be absolute and without blanks or special characters: set PLIMSOLL_STATE"
  ENV_FILE=$STATE/env
  TLS_DIR=$STATE/tls
  SERVER=$BIN/temporal-server-$TEMPORAL_VERSION
  SCHEMA_TOOL=$BIN/temporal-sql-$TEMPORAL_VERSION
  CLI=$BIN/temporal-cli-$CLI_VERSION
  set_pg_bin
}

# A cluster stays with the PostgreSQL that made its data; a new one takes version 15, or else the newest that is installed.
set_pg_bin() {
  local major dir
  PG_BIN=${PLIMSOLL_PG_BIN:-}
  [[ -z $PG_BIN ]] || return 0
  major=$(cat "$STATE/pg/PG_VERSION" 2>/dev/null) || major=
  PG_BIN=/usr/lib/postgresql/${major:-$PG_MAJOR}/bin
  if [[ -n $major || -x $PG_BIN/initdb ]]; then return 0; fi
  while read -r dir; do
    if [[ -x $dir/bin/initdb ]]; then PG_BIN=$dir/bin; fi
  done < <(printf '%s\n' /usr/lib/postgresql/* | sort -V)
}

set_ports() {
  PORT_PG=$((PORTS + 32))
  PORT_FRONTEND=$((PORTS + 33)) PORT_HISTORY=$((PORTS + 34)) PORT_MATCHING=$((PORTS + 35)) PORT_WORKER=$((PORTS + 39))
  PORT_HTTP=$((PORTS + 43))
  MEMBERSHIP_FRONTEND=$((PORTS + 53)) MEMBERSHIP_HISTORY=$((PORTS + 54)) MEMBERSHIP_MATCHING=$((PORTS + 55)) MEMBERSHIP_WORKER=$((PORTS + 59))
  METRICS_FRONTEND=$((PORTS + 90)) METRICS_HISTORY=$((PORTS + 91)) METRICS_MATCHING=$((PORTS + 92)) METRICS_WORKER=$((PORTS + 93))
}

default_options() { PORTS=17200 SHARDS=64 CONNECTIONS=20 TLS=none PG_SETTINGS=() SERVICE_ENV=(); }

# A cluster keeps its options until `reset`: what `up` is not told again stays.
load_options() {
  default_options
  if [[ -s $STATE/$MARKER ]]; then read -r SHARDS PORTS <"$STATE/$MARKER"; fi
  # shellcheck source=/dev/null
  if [[ -s $STATE/options ]]; then source "$STATE/options"; fi
  set_ports
}

options_text() {
  local list name
  printf '%s=%q\n' PORTS "$PORTS" SHARDS "$SHARDS" CONNECTIONS "$CONNECTIONS" TLS "$TLS"
  for name in PG_SETTINGS SERVICE_ENV; do
    local -n list=$name
    printf '%s=(' "$name"
    [[ ${#list[@]} -eq 0 ]] || printf ' %q' "${list[@]}"
    printf ' )\n'
  done
}

# A second command on the same cluster waits for the first one.
lock_state() {
  mkdir -p "$(dirname "$STATE")" || die "cannot make $(dirname "$STATE"): set PLIMSOLL_STATE"
  exec 9>"$STATE.lock" || die "cannot write $STATE.lock: set PLIMSOLL_STATE"
  flock -w 300 9 || die "another command has held $STATE.lock for five minutes"
}

# Start time of a process in clock ticks after boot: with the pid it names one process for good, a reused pid does not pass for it.
start_time() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The command's name may hold spaces and brackets: fields are counted after the last ")".
  read -ra stat <<<"${stat##*) }"
  [[ ${stat[0]} != Z ]] || return 1
  echo "${stat[19]}"
}

write_pid() { echo "$2 $(start_time "$2" || echo gone)" >"$STATE/pid/$1"; }

# Prints the pid of a service that runs; removes the file of one that does not.
running_pid() {
  local pid started
  read -r pid started 2>/dev/null <"$STATE/pid/$1" || return 1
  if [[ $(start_time "$pid") == "$started" ]]; then
    echo "$pid"
    return
  fi
  rm -f "$STATE/pid/$1"
  return 1
}

any_running() {
  local service
  pg_running && return
  for service in "${SERVICES[@]}"; do running_pid "$service" >/dev/null && return; done
  return 1
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

stop_all() {
  local service
  for service in worker frontend matching history; do stop_service "$service"; done
  stop_postgres
}

# For commands with the cluster's name as their only option; what else they are given is left in WORDS.
parse_name() {
  NAME=default WORDS=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      --name) [[ $# -ge 2 ]] || die "--name needs a value"; NAME=$2; shift 2 ;;
      -h | --help) usage; exit 0 ;;
      -*) usage >&2; die "unknown option '$1'" ;;
      *) WORDS+=("$1"); shift ;;
    esac
  done
  set_paths
}

parse_name_only() {
  parse_name "$@"
  [[ ${#WORDS[@]} -eq 0 ]] || { usage >&2; die "unknown argument '${WORDS[0]}'"; }
}

# shellcheck source=postgres.sh
source "$here/postgres.sh"
# shellcheck source=services.sh
source "$here/services.sh"
