# shellcheck shell=bash disable=SC2034
# Shared by up, down, status and reset: where a cluster lives, which processes are its own, how they are stopped.

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
  ENV_FILE=$STATE/env
  SERVER=$BIN/temporal-server-$TEMPORAL_VERSION
  SCHEMA_TOOL=$BIN/temporal-sql-$TEMPORAL_VERSION
  CLI=$BIN/temporal-cli-$CLI_VERSION
  PG_BIN=${PLIMSOLL_PG_BIN:-/usr/lib/postgresql/$PG_MAJOR/bin}
}

set_ports() {
  PORT_PG=$((PORTS + 32))
  PORT_FRONTEND=$((PORTS + 33)) PORT_HISTORY=$((PORTS + 34)) PORT_MATCHING=$((PORTS + 35)) PORT_WORKER=$((PORTS + 39))
  PORT_HTTP=$((PORTS + 43))
  MEMBERSHIP_FRONTEND=$((PORTS + 53)) MEMBERSHIP_HISTORY=$((PORTS + 54)) MEMBERSHIP_MATCHING=$((PORTS + 55)) MEMBERSHIP_WORKER=$((PORTS + 59))
  METRICS_FRONTEND=$((PORTS + 90)) METRICS_HISTORY=$((PORTS + 91)) METRICS_MATCHING=$((PORTS + 92)) METRICS_WORKER=$((PORTS + 93))
}

# A second `up`, `down` or `reset` of the same cluster waits for the first one.
lock_state() {
  mkdir -p "$(dirname "$STATE")"
  exec 9>"$STATE.lock"
  flock -w 300 9 || die "another command has held $STATE.lock for five minutes"
}

# PostgreSQL refuses to run as root, so root hands its part to an unprivileged user.
pg_user() {
  if [[ $EUID -ne 0 ]]; then id -un; elif id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

# The lock's descriptor is closed, so that no server outlives this command holding it.
as_pg_user() {
  if [[ $EUID -ne 0 ]]; then (cd / && exec "$@" 9>&-); return; fi
  local user
  user=$(pg_user)
  (cd / && exec setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups "$@" 9>&-)
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

pg_pid() { head -n 1 "$STATE/pg/postmaster.pid" 2>/dev/null; }

# pg_ctl takes a dead process that its parent has not waited for, or another program with its pid, for a running server.
pg_running() {
  local pid
  pid=$(pg_pid) || return 1
  start_time "$pid" >/dev/null && [[ $(readlink "/proc/$pid/cwd") == "$STATE/pg" ]]
}

# After a crash: waits for the server's orphans, which work in its data directory, to end, then takes the stale file away.
clear_stale_postgres() {
  [[ -e $STATE/pg/postmaster.pid ]] || return 0
  for _ in $(seq 1 100); do
    if ! find /proc -maxdepth 2 -name cwd -lname "$STATE/pg" 2>/dev/null | grep -q .; then
      rm -f "$STATE/pg/postmaster.pid" "$STATE"/run/.s.PGSQL.*
      return
    fi
    sleep 0.1
  done
  die "processes of a crashed PostgreSQL still use $STATE/pg"
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

stop_service() {
  local pid
  pid=$(running_pid "$1") || return 0
  kill -TERM "$pid" 2>/dev/null || true
  for _ in $(seq 1 150); do
    running_pid "$1" >/dev/null || return 0
    sleep 0.1
  done
  say "$1 (pid $pid) did not stop in 15 s: killed"
  kill -KILL "$pid" 2>/dev/null || true
  sleep 0.2
  rm -f "$STATE/pid/$1"
}

stop_all() {
  local service
  for service in worker frontend matching history; do stop_service "$service"; done
  if pg_running; then
    as_pg_user "$PG_BIN/pg_ctl" -D "$STATE/pg" -m fast -w -t 60 stop >/dev/null || die "PostgreSQL did not stop: see $STATE/log/postgres.log"
  fi
}

parse_name_only() {
  NAME=default
  while [[ $# -gt 0 ]]; do
    case $1 in
      --name) NAME=${2:?--name needs a value}; shift 2 ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; die "unknown argument '$1'" ;;
    esac
  done
  set_paths
}
