package main

// IdleRates is what a cluster without clients costs per second.
type IdleRates struct {
	Shards           int                  `json:"shards"`
	WindowSeconds    float64              `json:"window_seconds"`
	SecondsAfterLoad string               `json:"since"`
	CPU              map[string]float64   `json:"cpu_seconds_per_second"`
	StatementTotals  map[string]float64   `json:"statements_per_second"`
	WAL              map[string]float64   `json:"wal_per_second"`
	XactCommit       map[string]float64   `json:"xact_commit_per_second"`
	Statements       map[string]statement `json:"statements"`
	Requests         map[string]float64   `json:"requests_per_second"`
	HostBusyCores    float64              `json:"host_busy_cores"`
}

func idleRates(a, b *Counters, shards int, since string) *IdleRates {
	none := &Idle{statements: map[string]statement{}, values: map[string]float64{}}
	p := newPerWorkflow(a, b, none, 1)
	p.n = p.seconds
	r := &IdleRates{Shards: shards, WindowSeconds: significant(p.seconds), SecondsAfterLoad: since,
		CPU: p.group("cpu|", false), WAL: p.group("wal|", false), XactCommit: p.group("xact|", false), Requests: p.group("requests|", true),
		HostBusyCores: significant(p.value("host|busy"))}
	delete(r.CPU, "client")
	r.Statements, r.StatementTotals = p.statements()
	return r
}
