package main

import (
	"log"
	"net"
	"net/http"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/uber-go/tally/v4"
	"github.com/uber-go/tally/v4/prometheus"
	"go.temporal.io/sdk/client"
	sdktally "go.temporal.io/sdk/contrib/tally"
)

// serveMetrics serves the SDK's metrics as the SDK's documentation has it (docs.temporal.io, Go, "Observability"): over tally, with names that say the unit.
func serveMetrics(address string) (client.MetricsHandler, net.Addr, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	reporter := prometheus.NewReporter(prometheus.Options{
		Registerer:       prom.NewRegistry(),
		DefaultTimerType: prometheus.HistogramTimerType,
		OnRegisterError:  func(err error) { log.Println("metrics:", err) },
	})
	scope, _ := tally.NewRootScope(tally.ScopeOptions{
		CachedReporter:  reporter,
		Separator:       prometheus.DefaultSeparator,
		SanitizeOptions: &sdktally.PrometheusSanitizeOptions,
	}, time.Second)
	mux := http.NewServeMux()
	mux.Handle("/metrics", reporter.HTTPHandler())
	go func() { log.Println("metrics:", http.Serve(listener, mux)) }()
	return sdktally.NewMetricsHandler(sdktally.NewPrometheusNamingScope(scope)), listener.Addr(), nil
}
