# shellcheck shell=bash
# The cluster's own PostgreSQL: made, configured, started and stopped.

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

pg_pid() { head -n 1 "$STATE/pg/postmaster.pid" 2>/dev/null; }

# pg_ctl takes a dead process that its parent has not waited for, or another program with its pid, for a running server.
pg_running() {
  local pid
  pid=$(pg_pid) || return 1
  start_time "$pid" >/dev/null && [[ $(readlink "/proc/$pid/cwd") == "$STATE/pg" ]]
}

# The server's processes, with those that a killed postmaster left behind: all work in its data directory.
pg_processes() { find /proc -maxdepth 2 -name cwd -lname "$STATE/pg" 2>/dev/null | cut -d / -f 3; }

# After a crash: waits for the server's orphans to end, then takes the stale file away.
clear_stale_postgres() {
  [[ -e $STATE/pg/postmaster.pid ]] || return 0
  for _ in $(seq 1 100); do
    if [[ -z $(pg_processes) ]]; then
      rm -f "$STATE/pg/postmaster.pid" "$STATE"/run/.s.PGSQL.*
      return
    fi
    sleep 0.1
  done
  die "processes of a crashed PostgreSQL still use $STATE/pg"
}

create_postgres() {
  [[ -s $STATE/pg/PG_VERSION && -e $STATE/pg.ready ]] && return
  rm -rf "$STATE/pg"
  install -d -m 700 "$STATE/pg"
  [[ $EUID -ne 0 ]] || chown "$(pg_user)" "$STATE/pg"
  local password
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  (umask 077 && echo "$password" >"$STATE/password")
  install -m 600 "$STATE/password" "$STATE/pg.password"
  [[ $EUID -ne 0 ]] || chown "$(pg_user)" "$STATE/pg.password"
  as_pg_user "$PG_BIN/initdb" -D "$STATE/pg" -U temporal --auth=scram-sha-256 --pwfile="$STATE/pg.password" -E UTF8 --locale=C.UTF-8 \
    >"$STATE/log/initdb.log" 2>&1 || { tail -n 5 "$STATE/log/initdb.log" >&2; die "initdb failed: see $STATE/log/initdb.log"; }
  rm -f "$STATE/pg.password"
  touch "$STATE/pg.ready"
}

configure_postgres() {
  local memory_mb buffers=1024
  memory_mb=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
  [[ $memory_mb -ge 4096 ]] || buffers=$((memory_mb / 4))
  {
    echo "listen_addresses = '127.0.0.1'"
    echo "port = $PORT_PG"
    echo "unix_socket_directories = '$STATE/run'"
    echo "max_connections = $((4 * 2 * CONNECTIONS + 60))"
    echo "shared_buffers = ${buffers}MB"
    echo "max_wal_size = 8GB"
    echo "shared_preload_libraries = 'pg_stat_statements'"
    echo "pg_stat_statements.max = 10000"
    echo "track_io_timing = on"
    echo "track_wal_io_timing = on"
    local setting
    for setting in "${PG_SETTINGS[@]}"; do echo "${setting%%=*} = '${setting#*=}'"; done
  } >"$STATE/plimsoll.conf"
  install -m 600 "$STATE/plimsoll.conf" "$STATE/pg/plimsoll.conf"
  [[ $EUID -ne 0 ]] || chown "$(pg_user)" "$STATE/pg/plimsoll.conf"
  grep -q "include 'plimsoll.conf'" "$STATE/pg/postgresql.conf" || echo "include 'plimsoll.conf'" >>"$STATE/pg/postgresql.conf"
}

start_postgres() {
  pg_running && return
  [[ -x $PG_BIN/pg_ctl ]] || die "no PostgreSQL in $PG_BIN, which made this cluster's data: install it, or set PLIMSOLL_PG_BIN"
  clear_stale_postgres
  configure_postgres
  as_pg_user "$PG_BIN/pg_ctl" -D "$STATE/pg" -l "$STATE/log/postgres.log" -w -t 120 start >/dev/null \
    || { tail -n 10 "$STATE/log/postgres.log" >&2; die "PostgreSQL did not start: see $STATE/log/postgres.log"; }
}

stop_postgres() {
  pg_running || return 0
  as_pg_user "$PG_BIN/pg_ctl" -D "$STATE/pg" -m fast -w -t 60 stop >/dev/null || die "PostgreSQL did not stop: see $STATE/log/postgres.log"
}

# A crash of the whole server: nothing is written any more, and the next start recovers from the log.
kill_postgres() {
  local pid
  for pid in $(pg_pid) $(pg_processes); do kill -KILL "$pid" 2>/dev/null || true; done
}

query() { PGOPTIONS="-c client_min_messages=warning" PGPASSWORD=$(<"$STATE/password") "$PG_BIN/psql" -X -q -t -A -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$PORT_PG" -U temporal -d "$1" -c "$2"; }

create_schemas() {
  local database schema
  for database in temporal temporal_visibility; do
    schema=postgresql/v12/temporal
    [[ $database == temporal ]] || schema=postgresql/v12/visibility
    [[ -e $STATE/schema.$database ]] && continue
    say "creating database $database"
    query postgres "DROP DATABASE IF EXISTS $database"
    local tool=("$SCHEMA_TOOL" --plugin postgres12 --ep 127.0.0.1 -p "$PORT_PG" -u temporal --db "$database")
    {
      SQL_PASSWORD=$(<"$STATE/password") "${tool[@]}" create \
        && SQL_PASSWORD=$(<"$STATE/password") "${tool[@]}" setup-schema -v 0.0 \
        && SQL_PASSWORD=$(<"$STATE/password") "${tool[@]}" update-schema --schema-name "$schema"
    } >>"$STATE/log/schema.log" 2>&1 || { tail -n 5 "$STATE/log/schema.log" >&2; die "the schema of $database could not be made: see $STATE/log/schema.log"; }
    touch "$STATE/schema.$database"
  done
}

# In the database postgres: a sampler connected there leaves no trace in the counters of Temporal's own databases.
create_statistics() { query postgres 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements'; }
