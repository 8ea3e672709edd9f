// Traces by OpenTelemetry: otelhttp gives each request a span, named by its
// route, as a child of the caller's; handlers add spans of their own. Here they
// are printed; a service would export them by OTLP.
//
//	go run ./otel
//	curl -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' localhost:8080/orders/7
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/uringserve/uringserve"
)

func main() {
	provider := sdk.NewTracerProvider(sdk.WithSyncer(printer{json.NewEncoder(os.Stdout)}))
	log.Fatal(uringserve.ListenAndServe("localhost:8080", handler(provider)))
}

// handler is a service whose spans go to provider.
func handler(provider trace.TracerProvider) http.Handler {
	tracer := provider.Tracer("orders")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		status := find(r.Context(), tracer, r.PathValue("id"))
		w.WriteHeader(status)
	})
	return otelhttp.NewHandler(mux, "orders",
		otelhttp.WithTracerProvider(provider),
		otelhttp.WithPropagators(propagation.TraceContext{}))
}

// find looks an order up; there is one.
func find(ctx context.Context, tracer trace.Tracer, id string) (status int) {
	_, span := tracer.Start(ctx, "find", trace.WithAttributes(attribute.String("order.id", id)))
	defer span.End()
	if id != "7" {
		return http.StatusNotFound
	}
	return http.StatusNoContent
}

// printer prints spans, a line each.
type printer struct{ out *json.Encoder }

func (p printer) ExportSpans(_ context.Context, spans []sdk.ReadOnlySpan) error {
	for _, s := range spans {
		err := p.out.Encode(map[string]string{
			"name": s.Name(), "trace": s.SpanContext().TraceID().String(), "parent": s.Parent().SpanID().String(),
			"took": s.EndTime().Sub(s.StartTime()).String(),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (printer) Shutdown(context.Context) error { return nil }
