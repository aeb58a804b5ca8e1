package otelmaestro_test

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/otelmaestro"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func ExampleHooks() {
	exporter := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	events := memory.New()
	hooks, err := otelmaestro.Hooks(&otelmaestro.Options{Tracers: tracers, Meters: noop.NewMeterProvider(), Store: events})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	sup, err := aggregate.NewSupervisor(events, &aggregate.Options{Hooks: hooks})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Shutdown(ctx)
	root, err := aggregate.NewRoot(sup, accounts())
	if err != nil {
		fmt.Println(err)
		return
	}
	request, span := tracers.Tracer("bank").Start(ctx, "POST /deposits")
	id, err := root.NewID(request)
	if err == nil {
		err = root.Evaluate(request, types.Command{AggregateID: id, Type: "deposit", Data: deposit{5}})
	}
	span.End()
	names := map[trace.SpanID]string{}
	for _, span := range exporter.GetSpans() {
		names[span.SpanContext.SpanID()] = span.Name
	}
	for _, span := range exporter.GetSpans() {
		fmt.Printf("%s, in %q\n", span.Name, names[span.Parent.SpanID()])
	}
	fmt.Println(err)
	// Output:
	// load event_log, in "POST /deposits"
	// commit event_log, in "POST /deposits"
	// evaluate account, in "POST /deposits"
	// POST /deposits, in ""
	// <nil>
}

func ExampleInject() {
	tracer := sdktrace.NewTracerProvider().Tracer("bank")
	ctx, span := tracer.Start(context.Background(), "POST /deposits")
	defer span.End()
	ctx = otelmaestro.Inject(ctx) // and then root.Evaluate(ctx, …)
	fmt.Println(len(types.MetadataFrom(ctx).TraceParent))
	// Output: 55
}

func ExampleExtract() {
	m := types.Metadata{TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"} // of an event
	ctx := otelmaestro.Extract(context.Background(), m)
	fmt.Println(trace.SpanContextFromContext(ctx).TraceID())
	// Output: 0af7651916cd43dd8448eb211c80319c
}
