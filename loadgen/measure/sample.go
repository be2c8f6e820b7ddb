package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Statement texts are cut to this many characters, after their white space is made single blanks.
const statementLength = 150

var databases = []string{"temporal", "temporal_visibility"}

// Counters is a set of named counters at one moment; differences of two are what a window cost.
type Counters struct {
	at         time.Time
	statements map[string]statement
	values     map[string]float64
}

type statement struct {
	Calls  float64 `json:"calls"`
	Rows   float64 `json:"rows"`
	ExecMs float64 `json:"exec_ms"`
}

type sampler struct {
	cluster *Cluster
	// stats is connected to the database postgres, so that sampling leaves no trace in the counters of Temporal's databases.
	stats *pgx.Conn
}

func newSampler(ctx context.Context, c *Cluster) (*sampler, error) {
	conn, err := pgx.Connect(ctx, c.values["PLIMSOLL_PG_STATS_DSN"])
	if err != nil {
		return nil, err
	}
	return &sampler{cluster: c, stats: conn}, nil
}

func (s *sampler) read(ctx context.Context) (*Counters, error) {
	c := &Counters{at: time.Now(), statements: map[string]statement{}, values: map[string]float64{}}
	for _, part := range []func(context.Context, *Counters) error{s.readCPU, s.readPrometheus, s.readStatements, s.readPostgres} {
		if err := part(ctx, c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (s *sampler) readCPU(_ context.Context, c *Counters) error {
	for service, pid := range s.cluster.pids {
		stat, err := readProc(pid)
		if err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
		c.values["cpu|"+service] = stat.own
	}
	own, err := readProc(os.Getpid())
	if err != nil {
		return err
	}
	c.values["cpu|client"] = own.own
	if c.values["cpu|postgres"], err = treeCPU(s.cluster.pgPid); err != nil {
		return err
	}
	host, err := readHost()
	if err != nil {
		return err
	}
	c.values["host|busy"], c.values["host|steal"] = host.busy, host.steal
	return nil
}

var wantedMetrics = map[string]bool{
	"service_requests": true, "persistence_requests": true, "visibility_persistence_requests": true,
	"cache_requests": true, "cache_miss": true, "state_transition_count_count": true,
}

func (s *sampler) readPrometheus(ctx context.Context, c *Counters) error {
	for service, url := range s.cluster.metrics {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("metrics of %s: %w", service, err)
		}
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if name, labels, value, ok := parseMetric(lines.Text()); ok && wantedMetrics[name] {
				key := "requests|" + service + "|" + name + "|" + labels["operation"]
				if cache := labels["cache_type"]; cache != "" {
					key += "|" + cache
				}
				c.values[key] += value
			}
		}
		response.Body.Close()
		if err := lines.Err(); err != nil {
			return fmt.Errorf("metrics of %s: %w", service, err)
		}
	}
	return nil
}

// parseMetric reads one line of Prometheus's text format; label values of the metrics wanted here hold no escapes.
func parseMetric(line string) (name string, labels map[string]string, value float64, ok bool) {
	if strings.HasPrefix(line, "#") {
		return
	}
	head, number, found := cutLast(line, " ")
	if !found {
		return
	}
	name, rest, _ := strings.Cut(head, "{")
	labels = map[string]string{}
	for _, pair := range strings.Split(strings.TrimSuffix(rest, "}"), ",") {
		if key, quoted, found := strings.Cut(pair, "="); found {
			labels[key] = strings.Trim(quoted, `"`)
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	return name, labels, value, err == nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func (s *sampler) readStatements(ctx context.Context, c *Counters) error {
	rows, err := s.stats.Query(ctx, `SELECT d.datname, s.query, s.calls, s.rows, s.total_exec_time
		FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = ANY($1)`, databases)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var database, text string
		var calls, affected int64
		var ms float64
		if err := rows.Scan(&database, &text, &calls, &affected, &ms); err != nil {
			return err
		}
		text = strings.Join(strings.Fields(text), " ")
		if len(text) > statementLength {
			text = text[:statementLength]
		}
		key := database + ": " + text
		sum := c.statements[key]
		c.statements[key] = statement{sum.Calls + float64(calls), sum.Rows + float64(affected), sum.ExecMs + ms}
	}
	return rows.Err()
}

func (s *sampler) readPostgres(ctx context.Context, c *Counters) error {
	var records, fpi, bytes, write, sync float64
	err := s.stats.QueryRow(ctx, `SELECT wal_records, wal_fpi, wal_bytes::float8, wal_write, wal_sync FROM pg_stat_wal`).Scan(&records, &fpi, &bytes, &write, &sync)
	if err != nil {
		return err
	}
	c.values["wal|records"], c.values["wal|fpi"], c.values["wal|bytes"], c.values["wal|write"], c.values["wal|sync"] = records, fpi, bytes, write, sync
	rows, err := s.stats.Query(ctx, `SELECT datname, xact_commit FROM pg_stat_database WHERE datname = ANY($1)`, databases)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var database string
		var commits int64
		if err := rows.Scan(&database, &commits); err != nil {
			return err
		}
		c.values["xact|"+database] = float64(commits)
	}
	return rows.Err()
}

// tableBytes is every table's size with its indexes. It connects to Temporal's databases: call it outside a window.
func (s *sampler) tableBytes(ctx context.Context) (map[string]float64, error) {
	sizes := map[string]float64{}
	for database, dsn := range map[string]string{"temporal": "PLIMSOLL_PG_DSN", "temporal_visibility": "PLIMSOLL_PG_VISIBILITY_DSN"} {
		conn, err := pgx.Connect(ctx, s.cluster.values[dsn])
		if err != nil {
			return nil, err
		}
		rows, err := conn.Query(ctx, `SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables`)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var table string
			var bytes int64
			if err := rows.Scan(&table, &bytes); err != nil {
				return nil, err
			}
			sizes[database+"."+table] = float64(bytes)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
		conn.Close(ctx)
	}
	return sizes, nil
}
