package main

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmaestro/maestro/types"
)

const header = "traceparent"

// traced puts the span of ctx into the metadata of the events that commands evaluated with the result
// lead to. Whoever reads the events later continues the trace with resumed.
func traced(ctx context.Context) context.Context {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	m := types.MetadataFrom(ctx)
	m.TraceParent = carrier[header]
	return types.WithMetadata(ctx, m)
}

// resumed returns a context within the span that an event's metadata names, if it names one.
func resumed(ctx context.Context, m types.Metadata) context.Context {
	if m.TraceParent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{header: m.TraceParent})
}

// parent is the context of the span that called the library: the one in ctx or, where a worker has only
// the metadata of what it works on, the one that this names.
func parent(ctx context.Context) context.Context {
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	return resumed(ctx, types.MetadataFrom(ctx))
}
