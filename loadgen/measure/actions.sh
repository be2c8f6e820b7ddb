#!/bin/sh
# The server's own counter `action` by its label `action_type`, to be held against `plimsoll cost --history`.
#
#   actions.sh read URL... > before.txt      # the metrics address of every frontend, e.g. http://127.0.0.1:9091/metrics
#   ... run the workflows, wait until all are closed ...
#   actions.sh read URL... > after.txt
#   actions.sh between before.txt after.txt [NAMESPACE]
#
# The counter is the frontend's (the server's common/rpc/interceptor/telemetry.go runs in every service, but only calls of the public WorkflowService
# count, and those are served by frontends). With tally its name is `action`, with OpenTelemetry `action_total`; a prefix stays before it.
set -eu
case "${1:-}" in
read)
    shift
    for url in "$@"; do curl -fsS "$url"; done |
        awk '/^[a-z_]*action(_total)?\{/ && /action_type=/ {
            ns = $0; sub(/.*[{,]namespace="/, "", ns); sub(/".*/, "", ns)
            type = $0; sub(/.*[{,]action_type="/, "", type); sub(/".*/, "", type)
            sum[ns " " type] += $NF
        } END { for (key in sum) print key, sum[key] }' | sort
    ;;
between)
    awk -v only="${4:-}" 'NR == FNR { before[$1 " " $2] = $3; next }
        only == "" || $1 == only {
            n = $3 - before[$1 " " $2]
            if (n != 0) { printf "%-60s %d\n", $2, n; all += n }
        } END { printf "%-60s %d\n", "all", all }' "$2" "$3"
    ;;
*)
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
