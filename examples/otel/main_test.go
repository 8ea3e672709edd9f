package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/uringserve/uringserve/examples/internal/exampletest"
)

const (
	traceID  = "0af7651916cd43dd8448eb211c80319c"
	callerID = "b7ad6b7169203331"
)

func TestSpans(t *testing.T) {
	var spans *tracetest.InMemoryExporter
	var done chan struct{}
	newHandler := func(t *testing.T) http.Handler {
		spans, done = tracetest.NewInMemoryExporter(), make(chan struct{}, 1)
		h := handler(sdk.NewTracerProvider(sdk.WithSyncer(spans)))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			done <- struct{}{} // the spans have ended
		})
	}
	exampletest.Each(t, newHandler, func(t *testing.T, s *exampletest.Server) {
		for version, http2 := range map[string]bool{"1.1": false, "2.0": true} {
			for path, status := range map[string]int{"/orders/7": http.StatusNoContent, "/orders/8": http.StatusNotFound} {
				spans.Reset()
				call(t, s.Client(t, http2), s.URL+path, status)
				<-done
				checkSpans(t, spans.GetSpans(), version, status)
			}
		}
	})
}

func call(t *testing.T, c *http.Client, url string, status int) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	exampletest.Check(t, err)
	req.Header.Set("Traceparent", "00-"+traceID+"-"+callerID+"-01")
	resp, err := c.Do(req)
	exampletest.Check(t, err)
	exampletest.Check(t, resp.Body.Close())
	exampletest.Equal(t, "status", resp.StatusCode, status)
}

// checkSpans: the request's is a child of the caller's, and has a child.
func checkSpans(t *testing.T, spans tracetest.SpanStubs, version string, status int) {
	t.Helper()
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	inner, outer := spans[0], spans[1] // in the order of their ends
	exampletest.Equal(t, "trace", outer.SpanContext.TraceID().String(), traceID)
	exampletest.Equal(t, "parent", outer.Parent.SpanID().String(), callerID)
	exampletest.Equal(t, "name", outer.Name, "GET /orders/{id}")
	exampletest.Equal(t, "inner name", inner.Name, "find")
	exampletest.Equal(t, "inner parent", inner.Parent.SpanID(), outer.SpanContext.SpanID())
	attributes := attribute.NewSet(outer.Attributes...)
	for key, want := range map[attribute.Key]attribute.Value{
		"http.request.method":       attribute.StringValue("GET"),
		"http.response.status_code": attribute.IntValue(status),
		"network.protocol.version":  attribute.StringValue(version),
		"server.address":            attribute.StringValue("localhost"),
	} {
		got, _ := attributes.Value(key)
		exampletest.Equal(t, string(key), got.Emit(), want.Emit())
	}
}

func TestPrinter(t *testing.T) {
	var out bytes.Buffer
	provider := sdk.NewTracerProvider(sdk.WithSyncer(printer{json.NewEncoder(&out)}))
	find(t.Context(), provider.Tracer("test"), "7")
	var line struct{ Name, Parent string }
	exampletest.Check(t, json.Unmarshal(out.Bytes(), &line))
	exampletest.Equal(t, "name", line.Name, "find")
	exampletest.Equal(t, "parent", line.Parent, "0000000000000000")
}
