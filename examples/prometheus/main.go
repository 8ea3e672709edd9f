// Metrics by Prometheus' client: requests counted and timed by its middleware,
// and the server's own counters, collected when they are asked for.
//
//	go run ./prometheus
//	curl localhost:8080/hello; curl localhost:8080/metrics
package main

import (
	"log"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/uringserve/uringserve"
)

func main() {
	registry := prometheus.NewRegistry()
	server := &uringserve.Server{Addr: "localhost:8080", Handler: handler(registry)}
	registry.MustRegister(collectors.NewGoCollector(), connections(server))
	log.Fatal(server.ListenAndServe())
}

// connections are the server's: open ones now, accepted ones in all.
func connections(s *uringserve.Server) prometheus.Collector {
	return connectionCollector{s,
		prometheus.NewDesc("http_connections_open", "Connections that are open.", nil, nil),
		prometheus.NewDesc("http_connections_accepted_total", "Connections that were accepted.", nil, nil)}
}

type connectionCollector struct {
	server         *uringserve.Server
	open, accepted *prometheus.Desc
}

func (c connectionCollector) Describe(out chan<- *prometheus.Desc) { out <- c.open; out <- c.accepted }

func (c connectionCollector) Collect(out chan<- prometheus.Metric) {
	stats := c.server.Stats()
	out <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, float64(stats.Engine.Conns))
	out <- prometheus.MustNewConstMetric(c.accepted, prometheus.CounterValue, float64(stats.Engine.Accepted))
}

// handler is a service with /metrics, which registry collects.
func handler(registry *prometheus.Registry) http.Handler {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_total", Help: "Requests that were answered.",
	}, []string{"method", "code"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_seconds", Help: "How long handlers took.", NativeHistogramBucketFactor: 1.1,
	}, []string{"method"})
	registry.MustRegister(requests, seconds)

	service := http.NewServeMux()
	service.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("hello\n"))
	})
	measured := promhttp.InstrumentHandlerCounter(requests, promhttp.InstrumentHandlerDuration(seconds, service))

	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("/", measured)
	return mux
}
