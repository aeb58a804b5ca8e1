package otelmaestro

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmaestro/maestro/types"
)

const header = "traceparent"

// Inject puts the span of ctx into the metadata of the events to which commands lead that are
// evaluated with the result. Whoever reads the events later continues the trace with Extract. A
// store keeps metadata where it has the column for it; see postgres.Options.Metadata.
func Inject(ctx context.Context) context.Context {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	if carrier[header] == "" {
		return ctx
	}
	m := types.MetadataFrom(ctx)
	m.TraceParent = carrier[header]
	return types.WithMetadata(ctx, m)
}

// Extract returns a context within the span that an event's metadata names, or ctx where it names
// none.
func Extract(ctx context.Context, m types.Metadata) context.Context {
	if m.TraceParent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{header: m.TraceParent})
}

// parent is the context of the span that called the library: the one in ctx or, where a worker has
// only the metadata of what it works on, the one that this names.
func parent(ctx context.Context) context.Context {
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	return Extract(ctx, types.MetadataFrom(ctx))
}
