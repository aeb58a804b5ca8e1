package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

func spansOf(t *testing.T, f func(*sdktrace.TracerProvider)) tracetest.SpanStubs {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	f(tracers)
	require.NoError(t, tracers.ForceFlush(t.Context()))
	return exporter.GetSpans()
}

func named(t *testing.T, spans tracetest.SpanStubs, name string) []tracetest.SpanStub {
	t.Helper()
	var found []tracetest.SpanStub
	for _, s := range spans {
		if s.Name == name {
			found = append(found, s)
		}
	}
	require.NotEmpty(t, found, name)
	return found
}

func TestACommandsSpansArePartOfItsCallersTrace(t *testing.T) {
	t.Parallel()
	spans := spansOf(t, func(tracers *sdktrace.TracerProvider) {
		require.NoError(t, run(t.Context(), tracers, noop.NewMeterProvider()))
	})
	request := named(t, spans, "POST /deposits")[0]
	for _, name := range []string{"load", "commit", "evaluate deposit", "handle deposited"} {
		for _, s := range named(t, spans, name) {
			require.Equal(t, request.SpanContext.SpanID(), s.Parent.SpanID(), name)
			require.Equal(t, request.SpanContext.TraceID(), s.SpanContext.TraceID(), name)
		}
	}
	evaluations := named(t, spans, "evaluate deposit")
	require.Len(t, evaluations, 2)
	require.Contains(t, evaluations[0].Attributes, attribute.String("maestro.outcome", "ok"))
	require.Contains(t, evaluations[1].Attributes, attribute.String("maestro.outcome", "rejected"))
	require.Equal(t, codes.Unset, evaluations[1].Status.Code, "a rejection is an answer")
	require.False(t, evaluations[0].StartTime.Before(request.StartTime))
	require.False(t, evaluations[0].EndTime.After(request.EndTime))
}

func TestMeasurementsCountWhatHappened(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	require.NoError(t, run(t.Context(), sdktrace.NewTracerProvider(), meters))
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	got := map[string]string{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		got[m.Name] = points(m.Data)
	}
	require.Equal(t, map[string]string{
		"maestro.aggregates":        "0",
		"maestro.commit.duration":   "1",
		"maestro.evaluate.duration": "ok 1, rejected 1",
		"maestro.events":            "1",
		"maestro.load.duration":     "1",
	}, got)
}

// points is how often something was measured, by outcome where there is one.
func points(data metricdata.Aggregation) string {
	var list []string
	add := func(set attribute.Set, n any) {
		text := fmt.Sprint(n)
		if outcome, ok := set.Value("maestro.outcome"); ok {
			text = outcome.AsString() + " " + text
		}
		list = append(list, text)
	}
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range d.DataPoints {
			add(p.Attributes, p.Value)
		}
	case metricdata.Histogram[float64]:
		for _, p := range d.DataPoints {
			add(p.Attributes, p.Count)
		}
	}
	slices.Sort(list)
	text := ""
	for i, s := range list {
		if i > 0 {
			text += ", "
		}
		text += s
	}
	return text
}

func TestAWorkerWithNothingButMetadataContinuesTheTrace(t *testing.T) {
	t.Parallel()
	spans := spansOf(t, func(tracers *sdktrace.TracerProvider) {
		ctx, span := tracers.Tracer("test").Start(t.Context(), "request")
		m := types.MetadataFrom(traced(types.WithMetadata(ctx, types.Metadata{Actor: "ann"})))
		require.Equal(t, "ann", m.Actor)
		span.End()
		hooks, err := newHooks(tracers, noop.NewMeterProvider())
		require.NoError(t, err)
		hooks.Evaluate(types.WithMetadata(t.Context(), m), aggregate.Evaluation{Type: "pay", Start: time.Now()})
		hooks.Evaluate(t.Context(), aggregate.Evaluation{Type: "alone", Start: time.Now()})
	})
	request := named(t, spans, "request")[0]
	require.Equal(t, request.SpanContext.SpanID(), named(t, spans, "evaluate pay")[0].Parent.SpanID())
	require.False(t, named(t, spans, "evaluate alone")[0].Parent.IsValid())
}

func TestFailuresAreErrorsInTheSpan(t *testing.T) {
	t.Parallel()
	failure := errors.New("no")
	spans := spansOf(t, func(tracers *sdktrace.TracerProvider) {
		hooks, err := newHooks(tracers, noop.NewMeterProvider())
		require.NoError(t, err)
		hooks.Evaluate(t.Context(), aggregate.Evaluation{Type: "pay", Start: time.Now(), Err: failure})
		hooks.Commit(t.Context(), aggregate.Committed{Start: time.Now(), Err: failure, Events: 3})
		hooks.Load(t.Context(), aggregate.Loaded{Start: time.Now(), Err: failure})
	})
	require.Len(t, spans, 3)
	for _, s := range spans {
		require.Equal(t, codes.Error, s.Status.Code)
		require.Equal(t, "no", s.Status.Description)
	}
}

func TestEveryHookCounts(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	hooks, err := newHooks(sdktrace.NewTracerProvider(), sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	require.NoError(t, err)
	ctx := t.Context()
	hooks.Conflict(ctx, aggregate.Conflict{Commands: 3})
	hooks.Panic(ctx, aggregate.Panicked{})
	hooks.Stuck(ctx, aggregate.Stuck{})
	hooks.Start(aggregate.Lifecycle{})
	hooks.Start(aggregate.Lifecycle{})
	hooks.Exit(aggregate.Lifecycle{})
	hooks.Snapshot(aggregate.Saved{})
	hooks.Snapshot(aggregate.Saved{Err: errors.New("no")})
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(ctx, &all))
	got := map[string]string{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		got[m.Name] = points(m.Data)
	}
	require.Equal(t, map[string]string{
		"maestro.conflicts": "3", "maestro.panics": "1", "maestro.stuck": "1", "maestro.aggregates": "1", "maestro.snapshots.failed": "1",
	}, got)
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"ok":        nil,
		"rejected":  aggregate.Reject("no"),
		"unknown":   fmt.Errorf("x: %w", store.ErrOutcomeUnknown),
		"conflict":  store.ErrConflict,
		"abandoned": context.DeadlineExceeded,
		"failed":    errors.New("no"),
	} {
		require.Equal(t, want, outcomeOf(err))
	}
}
