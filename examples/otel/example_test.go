package main

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func Example() {
	exporter := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	if err := run(context.Background(), tracers, noop.NewMeterProvider()); err != nil {
		fmt.Println(err)
	}
	names := map[trace.SpanID]string{}
	for _, span := range exporter.GetSpans() {
		names[span.SpanContext.SpanID()] = span.Name
	}
	for _, span := range exporter.GetSpans() {
		fmt.Printf("%s, in %q\n", span.Name, names[span.Parent.SpanID()])
	}
	// Output:
	// load event_log, in "POST /deposits"
	// commit event_log, in "POST /deposits"
	// evaluate account, in "POST /deposits"
	// evaluate account, in "POST /deposits"
	// POST /deposits, in ""
	// handle deposited, in "POST /deposits"
}
