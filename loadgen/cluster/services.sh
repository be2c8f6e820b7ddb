# shellcheck shell=bash
# Temporal's services: started, stopped, asked whether they are ready, and the file that says where they are.

# The server reads its certificates from the environment; see tls.sh for which certificate is whose.
server_tls() {
  [[ $TLS != none ]] || return 0
  printf '%s\n' TEMPORAL_TLS_SERVER_CA_CERT="$TLS_DIR/server-ca.pem" \
    TEMPORAL_TLS_SERVER_CERT="$TLS_DIR/internode.pem" TEMPORAL_TLS_SERVER_KEY="$TLS_DIR/internode.key" \
    TEMPORAL_TLS_INTERNODE_SERVER_NAME=internode.plimsoll.internal \
    TEMPORAL_TLS_FRONTEND_CERT="$TLS_DIR/frontend.pem" TEMPORAL_TLS_FRONTEND_KEY="$TLS_DIR/frontend.key" \
    TEMPORAL_TLS_FRONTEND_SERVER_NAME=localhost
  [[ $TLS == mtls ]] || return 0
  # The frontend accepts clients, and the system workers, whose certificate is the one between the services.
  printf '%s\n' TEMPORAL_TLS_REQUIRE_CLIENT_AUTH=true \
    TEMPORAL_TLS_CLIENT1_CA_CERT="$TLS_DIR/client-ca.pem" TEMPORAL_TLS_CLIENT2_CA_CERT="$TLS_DIR/server-ca.pem"
}

# Nothing of the caller's environment reaches the server: its names for certificates are in part those of clients.
start_service() {
  local service=$1 metrics=METRICS_${1^^} tls
  running_pid "$service" >/dev/null && return
  mapfile -t tls < <(server_tls)
  env -i HOME="$STATE" PATH="$PATH" "${tls[@]}" \
    DB=postgres12 POSTGRES_SEEDS=127.0.0.1 DB_PORT="$PORT_PG" POSTGRES_USER=temporal POSTGRES_PWD="$(<"$STATE/password")" \
    DBNAME=temporal VISIBILITY_DBNAME=temporal_visibility NUM_HISTORY_SHARDS="$SHARDS" \
    SQL_MAX_CONNS="$CONNECTIONS" SQL_MAX_IDLE_CONNS="$CONNECTIONS" SQL_VIS_MAX_CONNS="$CONNECTIONS" SQL_VIS_MAX_IDLE_CONNS="$CONNECTIONS" \
    FRONTEND_GRPC_PORT="$PORT_FRONTEND" HISTORY_GRPC_PORT="$PORT_HISTORY" MATCHING_GRPC_PORT="$PORT_MATCHING" WORKER_GRPC_PORT="$PORT_WORKER" \
    FRONTEND_MEMBERSHIP_PORT="$MEMBERSHIP_FRONTEND" HISTORY_MEMBERSHIP_PORT="$MEMBERSHIP_HISTORY" \
    MATCHING_MEMBERSHIP_PORT="$MEMBERSHIP_MATCHING" WORKER_MEMBERSHIP_PORT="$MEMBERSHIP_WORKER" \
    FRONTEND_HTTP_PORT="$PORT_HTTP" DYNAMIC_CONFIG_FILE_PATH="$STATE/dynamic.yaml" \
    BIND_ON_IP=127.0.0.1 TEMPORAL_BROADCAST_ADDRESS=127.0.0.1 \
    PROMETHEUS_ENDPOINT="127.0.0.1:${!metrics}" PROMETHEUS_TIMER_TYPE=histogram LOG_LEVEL=error "${SERVICE_ENV[@]}" \
    setsid "$SERVER" --allow-no-auth start --service "$service" >>"$STATE/log/$service.log" 2>&1 </dev/null 9>&- &
  write_pid "$service" $!
}

stop_service() {
  local pid
  pid=$(running_pid "$1") || return 0
  # A paused process would not see the signal.
  { kill -TERM "$pid" && kill -CONT "$pid"; } 2>/dev/null || true
  for _ in $(seq 1 150); do
    running_pid "$1" >/dev/null || return 0
    sleep 0.1
  done
  say "$1 (pid $pid) did not stop in 15 s: killed"
  kill_service "$1"
}

kill_service() {
  local pid
  pid=$(running_pid "$1") || return 0
  kill -KILL "$pid" 2>/dev/null || true
  for _ in $(seq 1 50); do
    running_pid "$1" >/dev/null || return 0
    sleep 0.1
  done
  die "$1 (pid $pid) survived SIGKILL"
}

# The first service of a new cluster writes its metadata and the system namespace: two at a time end in a duplicate key.
start_services() {
  local service
  start_service history
  for _ in $(seq 1 300); do
    [[ $(query temporal 'SELECT (SELECT count(*) FROM cluster_metadata_info) * (SELECT count(*) FROM namespaces)') == 0 ]] || break
    running_pid history >/dev/null || break
    sleep 0.2
  done
  for service in matching frontend worker; do start_service "$service"; done
}

# Nothing of the caller's environment or temporal.toml reaches it.
cli() {
  local tls=()
  [[ $TLS == none ]] || tls=(--tls --tls-ca-path "$TLS_DIR/server-ca.pem")
  [[ $TLS != mtls ]] || tls+=(--tls-cert-path "$TLS_DIR/client.pem" --tls-key-path "$TLS_DIR/client.key")
  # The options are last: before the command, the program takes the word after --tls for its value.
  env -i HOME="$STATE" "$CLI" "$@" --address "127.0.0.1:$PORT_FRONTEND" "${tls[@]}"
}

cluster_healthy() { cli operator cluster health >/dev/null 2>&1; }

# Ready is when a workflow could be started: the namespace is there and both its task queue and its shard answer.
wait_ready() {
  local service
  for _ in $(seq 1 120); do
    for service in "${SERVICES[@]}"; do
      running_pid "$service" >/dev/null || { tail -n 5 "$STATE/log/$service.log" >&2; die "$service stopped while starting: see $STATE/log/$service.log"; }
    done
    if cluster_healthy; then
      cli operator namespace describe default >/dev/null 2>&1 || cli operator namespace create -n default --retention 24h >/dev/null 2>&1 || true
      if cli workflow list -n default >/dev/null 2>&1 && cli task-queue describe -n default --task-queue readiness >/dev/null 2>&1; then return; fi
    fi
    sleep 1
  done
  cli operator cluster health >&2 || true
  die "the cluster did not answer within two minutes: see the message above and $STATE/log"
}

env_tls() {
  echo "unset TEMPORAL_TLS TEMPORAL_TLS_SERVER_CA_CERT_PATH TEMPORAL_TLS_CLIENT_CERT_PATH TEMPORAL_TLS_CLIENT_KEY_PATH"
  [[ $TLS != none ]] || return 0
  echo "TEMPORAL_TLS=true"
  echo "TEMPORAL_TLS_SERVER_CA_CERT_PATH=$TLS_DIR/server-ca.pem"
  [[ $TLS == mtls ]] || return 0
  echo "TEMPORAL_TLS_CLIENT_CERT_PATH=$TLS_DIR/client.pem"
  echo "TEMPORAL_TLS_CLIENT_KEY_PATH=$TLS_DIR/client.key"
  echo "PLIMSOLL_TLS_EXPIRED_CERT_PATH=$TLS_DIR/expired.pem"
  echo "PLIMSOLL_TLS_EXPIRED_KEY_PATH=$TLS_DIR/expired.key"
  echo "PLIMSOLL_TLS_STRANGER_CERT_PATH=$TLS_DIR/stranger.pem"
  echo "PLIMSOLL_TLS_STRANGER_KEY_PATH=$TLS_DIR/stranger.key"
}

env_lines() {
  local service
  echo "PLIMSOLL_CLUSTER_NAME=$NAME"
  echo "PLIMSOLL_STATE_DIR=$STATE"
  echo "PLIMSOLL_SERVICE_SCRIPT=$here/service"
  echo "PLIMSOLL_SHARDS=$SHARDS"
  echo "PLIMSOLL_CONNECTIONS=$CONNECTIONS"
  echo "PLIMSOLL_TLS=$TLS"
  echo "TEMPORAL_ADDRESS=127.0.0.1:$PORT_FRONTEND"
  echo "TEMPORAL_NAMESPACE=default"
  env_tls
  echo "PLIMSOLL_CLI=$CLI"
  echo "PLIMSOLL_PG_PORT=$PORT_PG"
  echo "PLIMSOLL_PG_PID=$(pg_running && pg_pid)"
  echo "PLIMSOLL_PG_STATS_DSN=postgres://temporal:$(<"$STATE/password")@127.0.0.1:$PORT_PG/postgres?sslmode=disable"
  echo "PLIMSOLL_PG_DSN=postgres://temporal:$(<"$STATE/password")@127.0.0.1:$PORT_PG/temporal?sslmode=disable"
  echo "PLIMSOLL_PG_VISIBILITY_DSN=postgres://temporal:$(<"$STATE/password")@127.0.0.1:$PORT_PG/temporal_visibility?sslmode=disable"
  for service in "${SERVICES[@]}"; do
    local upper=${service^^}
    local port=PORT_$upper metrics=METRICS_$upper
    echo "PLIMSOLL_${upper}_PID=$(running_pid "$service")"
    echo "PLIMSOLL_${upper}_ADDRESS=127.0.0.1:${!port}"
    echo "PLIMSOLL_${upper}_METRICS=http://127.0.0.1:${!metrics}/metrics"
  done
}

# The last line is for programs started from the shell that sources the file.
write_env() {
  (
    umask 077
    env_lines >"$ENV_FILE.lines"
    {
      echo "# Cluster '$NAME': source this file. Written by loadgen/cluster."
      cat "$ENV_FILE.lines"
      echo "export $(sed -n 's/^\([A-Z_]*\)=.*/\1/p' "$ENV_FILE.lines" | tr '\n' ' ')"
    } >"$ENV_FILE.new"
    rm -f "$ENV_FILE.lines"
    mv "$ENV_FILE.new" "$ENV_FILE"
  )
}
