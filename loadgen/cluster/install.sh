# shellcheck shell=bash
# What `up` installs or builds when it is missing: PostgreSQL by apt-get, the server and its tools by `go install`.

install_postgres() {
  [[ -x $PG_BIN/initdb ]] && return
  [[ -z ${PLIMSOLL_PG_BIN:-} ]] || die "no initdb in PLIMSOLL_PG_BIN=$PLIMSOLL_PG_BIN"
  [[ ! -e $STATE/pg/PG_VERSION ]] || die "PostgreSQL $(<"$STATE/pg/PG_VERSION"), which made this cluster's data, is gone from $PG_BIN: install it again, set PLIMSOLL_PG_BIN, or 'reset --name $NAME'"
  command -v apt-get >/dev/null || die "PostgreSQL is missing and there is no apt-get: install version 13 or later, then set PLIMSOLL_PG_BIN to the directory with its initdb"
  [[ $EUID -eq 0 ]] || die "PostgreSQL is missing: run 'apt-get install postgresql' as root first (or set PLIMSOLL_PG_BIN to the directory with its initdb)"
  say "installing PostgreSQL"
  # Debian's package starts a cluster of its own on port 5432 unless told not to.
  if [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  apt_install "postgresql-$PG_MAJOR" || apt_install postgresql || { apt-get update -q >&2 && { apt_install "postgresql-$PG_MAJOR" || apt_install postgresql; }; } \
    || die "apt-get could not install PostgreSQL: see its messages above"
  set_pg_bin
  [[ -x $PG_BIN/initdb ]] || die "PostgreSQL is installed but there is no initdb below /usr/lib/postgresql: set PLIMSOLL_PG_BIN"
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$1" >&2; }

# install_go_tool TARGET PACKAGE BINARY
install_go_tool() {
  [[ -x $1 ]] && return
  command -v go >/dev/null || die "Go is missing: it is needed once, to build $2 (version 1.21 or later, which fetches the version the server asks for; https://go.dev/dl)"
  say "building $2 (a few minutes the first time)"
  local build
  build=$(mktemp -d "$BIN/build.XXXXXX")
  GOBIN=$build CGO_ENABLED=0 go install "$2" >"$build/log" 2>&1 || { tail -n 20 "$build/log" >&2; rm -rf "$build"; die "go install $2 failed: its last messages are above"; }
  # A rename, so that an interrupted build never looks like a finished one.
  mv "$build/$3" "$1"
  rm -rf "$build"
}

# need_space DIRECTORY MEGABYTES PURPOSE
need_space() {
  local free
  free=$(df -Pm "$1" | awk 'NR == 2 {print $4}')
  [[ $free -ge $2 ]] || die "$1 has $free MB free; $3 needs about $2 MB"
}

install_missing() {
  local tool
  for tool in flock setpriv setsid; do command -v "$tool" >/dev/null || die "$tool is missing (Debian package util-linux)"; done
  mkdir -p "$BIN" 2>/dev/null || die "cannot make $BIN: set PLIMSOLL_CACHE to a directory that can be written"
  # Two commands at once would build the same twice.
  exec 8>"$BIN/.lock"
  flock 8
  rm -rf "$BIN"/build.*
  [[ -x $SERVER && -x $SCHEMA_TOOL && -x $CLI ]] || need_space "$BIN" 700 "building the server and its tools"
  install_postgres
  install_go_tool "$SERVER" "go.temporal.io/server/cmd/server@v$TEMPORAL_VERSION" server
  install_go_tool "$SCHEMA_TOOL" "go.temporal.io/server/cmd/tools/sql@v$TEMPORAL_VERSION" sql
  install_go_tool "$CLI" "github.com/temporalio/cli/cmd/temporal@v$CLI_VERSION" temporal
  exec 8>&-
}
