package otelmaestro_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/otelmaestro"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

type (
	account   struct{ Balance int }
	deposit   struct{ Amount int }
	deposited struct{ Amount int }
)

func accounts() aggregate.Definition[account] {
	return aggregate.Definition[account]{
		Name: "account",
		Commands: aggregate.Commands[account]{"deposit": aggregate.Command(
			func(_ context.Context, _ aggregate.Instance[account], d deposit) ([]types.Uncommitted, error) {
				if d.Amount < 1 {
					return nil, aggregate.Reject("deposit of %d: must be at least 1", d.Amount)
				}
				return types.Events(types.NewEvent("deposited", deposited(d)), types.NewEvent("deposited", deposited(d))), nil
			})},
		Events: aggregate.Events[account]{"deposited": aggregate.Event(
			func(a account, e deposited) account { a.Balance += e.Amount; return a })},
	}
}

// watched is a supervisor that is watched, with what was seen.
type watched struct {
	*testing.T
	sup    *aggregate.Supervisor
	root   *aggregate.Root[account]
	tracer trace.Tracer
	spans  *tracetest.InMemoryExporter
	reader *sdkmetric.ManualReader
	hooks  aggregate.Hooks
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{T: t, spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(w.spans))
	s := memory.New()
	var err error
	w.hooks, err = otelmaestro.Hooks(&otelmaestro.Options{Tracers: tracers, Meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader)), Store: s})
	require.NoError(t, err)
	sup, err := aggregate.NewSupervisor(s, &aggregate.Options{Hooks: w.hooks})
	require.NoError(t, err)
	w.sup = sup
	t.Cleanup(func() { _ = w.sup.Shutdown(context.WithoutCancel(t.Context())) })
	w.root, err = aggregate.NewRoot(w.sup, accounts())
	require.NoError(t, err)
	w.tracer = tracers.Tracer("test")
	return w
}

// request evaluates a command within a span.
func (w *watched) request(id hlc.Timestamp, amount int) error {
	ctx, span := w.tracer.Start(types.WithMetadata(w.Context(), types.Metadata{CorrelationID: "c1"}), "request")
	defer span.End()
	return w.root.Evaluate(otelmaestro.Inject(ctx), types.Command{AggregateID: id, Type: "deposit", Data: deposit{amount}})
}

func (w *watched) span(name string) tracetest.SpanStub {
	w.Helper()
	for _, s := range w.spans.GetSpans() {
		if s.Name == name {
			return s
		}
	}
	require.Fail(w, "no span "+name)
	return tracetest.SpanStub{}
}

func (w *watched) points() map[string]string {
	w.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(w, w.reader.Collect(context.WithoutCancel(w.Context()), &all))
	got := map[string]string{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		got[m.Name+" "+m.Unit] = strings.Join(points(m.Data), "; ")
	}
	return got
}

// points is how often something was measured, with its attributes.
func points(data metricdata.Aggregation) (list []string) {
	add := func(set attribute.Set, n any) {
		list = append(list, strings.TrimSpace(fmt.Sprint(n, " ", set.Encoded(attribute.DefaultEncoder()))))
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
	return list
}

func attributes(s tracetest.SpanStub) map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes {
		if a.Key != "maestro.aggregate" {
			all[string(a.Key)] = a.Value.String()
		}
	}
	return all
}

func TestATransactionHasASpanAroundThoseOfItsCommands(t *testing.T) {
	t.Parallel()
	w := watch(t)
	a, err := w.root.NewID(t.Context())
	require.NoError(t, err)
	b, err := w.root.NewID(t.Context())
	require.NoError(t, err)
	book := func(amount int) error {
		return w.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
			for _, id := range []hlc.Timestamp{a, b} {
				if _, err := w.root.EvaluateTx(ctx, tx, types.Command{AggregateID: id, Type: "deposit", Data: deposit{amount}}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, book(1))
	require.Equal(t, map[string]string{
		"maestro.outcome": "ok", "maestro.aggregates": "2", "maestro.events": "4", "maestro.attempts": "1",
	}, attributes(w.span("transact")))
	require.ErrorIs(t, book(0), aggregate.ErrRejected)
	require.Equal(t, "1 maestro.outcome=ok; 1 maestro.outcome=rejected", w.points()["maestro.transaction.duration s"])
	require.Equal(t, "2 maestro.root=account", strings.SplitN(w.points()["maestro.aggregates {aggregate}"], ";", 2)[0])
}

func TestACommandsSpansArePartOfItsCallersTraceAndFollowTheConventions(t *testing.T) {
	t.Parallel()
	w := watch(t)
	id, err := w.root.NewID(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.request(id, 5))
	request := w.span("request")
	for name, want := range map[string]map[string]string{
		"evaluate account": {
			"messaging.system": "maestro", "messaging.operation.name": "evaluate", "messaging.operation.type": "process",
			"messaging.destination.name": "account", "messaging.message.conversation_id": "c1",
			"maestro.root": "account", "maestro.command": "deposit", "maestro.outcome": "ok", "maestro.attempts": "1",
		},
		"commit event_log": {
			"db.system.name": "memory", "db.operation.name": "commit", "db.collection.name": "event_log", "db.operation.batch.size": "2",
			"maestro.root": "account", "maestro.outcome": "ok", "maestro.commands": "1", "maestro.events": "2",
		},
		"load event_log": {
			"db.system.name": "memory", "db.operation.name": "load", "db.collection.name": "event_log", "db.response.returned_rows": "0",
			"maestro.root": "account", "maestro.outcome": "ok", "maestro.snapshot": "0",
		},
	} {
		s := w.span(name)
		require.Equal(t, request.SpanContext.SpanID(), s.Parent.SpanID(), name)
		require.Equal(t, request.SpanContext.TraceID(), s.SpanContext.TraceID(), name)
		require.Equal(t, want, attributes(s), name)
		require.Contains(t, s.Attributes, attribute.String("maestro.aggregate", id.String()))
		require.False(t, s.StartTime.Before(request.StartTime), name)
		require.False(t, s.EndTime.After(request.EndTime), name)
		require.Contains(t, s.InstrumentationScope.SchemaURL, "/schemas/1.")
	}
	require.Equal(t, trace.SpanKindConsumer, w.span("evaluate account").SpanKind)
	require.Equal(t, trace.SpanKindClient, w.span("commit event_log").SpanKind)

	// Elsewhere, later: the event says which trace it belongs to.
	for e, err := range w.root.History(t.Context(), id, store.Range{}) {
		require.NoError(t, err)
		_, span := w.tracer.Start(otelmaestro.Extract(t.Context(), e.Metadata), "handle")
		span.End()
	}
	require.Equal(t, request.SpanContext.SpanID(), w.span("handle").Parent.SpanID())
}

func TestMeasurementsFollowTheConventions(t *testing.T) {
	t.Parallel()
	w := watch(t)
	id, err := w.root.NewID(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.request(id, 5))
	require.ErrorIs(t, w.request(id, -1), aggregate.ErrRejected)
	const command = "maestro.command=deposit,maestro.outcome=%s,maestro.root=account,messaging.destination.name=account,messaging.operation.name=evaluate,messaging.operation.type=process,messaging.system=maestro"
	const operation = "db.collection.name=event_log,db.operation.name=%s,db.system.name=memory,maestro.outcome=ok,maestro.root=account"
	require.Equal(t, map[string]string{
		"messaging.process.duration s":             "1 " + fmt.Sprintf(command, "ok") + "; 1 " + fmt.Sprintf(command, "rejected"),
		"messaging.client.sent.messages {message}": "2 maestro.root=account,messaging.destination.name=account,messaging.operation.name=commit,messaging.system=maestro",
		"db.client.operation.duration s":           "1 " + fmt.Sprintf(operation, "commit") + "; 1 " + fmt.Sprintf(operation, "load"),
		"maestro.aggregates {aggregate}":           "1 maestro.root=account",
	}, w.points())
	for _, s := range w.spans.GetSpans() {
		require.Equal(t, codes.Unset, s.Status.Code, "a rejection is an answer")
	}
}

func TestFailuresAreErrorsInTheSpan(t *testing.T) {
	t.Parallel()
	w := watch(t)
	failure := errors.New("no")
	w.hooks.Evaluate(t.Context(), aggregate.Evaluation{Type: "pay", Start: time.Now(), Err: failure})
	w.hooks.Commit(t.Context(), aggregate.Committed{Start: time.Now(), Err: failure, Events: 3})
	w.hooks.Load(t.Context(), aggregate.Loaded{Start: time.Now(), Err: failure})
	require.Len(t, w.spans.GetSpans(), 3)
	for _, s := range w.spans.GetSpans() {
		require.Equal(t, codes.Error, s.Status.Code)
		require.Equal(t, "no", s.Status.Description)
		require.Contains(t, s.Attributes, attribute.String("error.type", "failed"))
	}
	require.NotContains(t, w.points(), "messaging.client.sent.messages {message}")
}

func TestEveryHookCounts(t *testing.T) {
	t.Parallel()
	w := watch(t)
	ctx := t.Context()
	w.hooks.Conflict(ctx, aggregate.Conflict{Commands: 3, Root: "r"})
	w.hooks.Panic(ctx, aggregate.Panicked{Root: "r"})
	w.hooks.Stuck(ctx, aggregate.Stuck{Root: "r"})
	w.hooks.LogWentBack(ctx, &aggregate.LogWentBackError{Root: "r"})
	w.hooks.Start(aggregate.Lifecycle{Root: "r"})
	w.hooks.Start(aggregate.Lifecycle{Root: "r"})
	w.hooks.Exit(aggregate.Lifecycle{Root: "r"})
	w.hooks.Snapshot(aggregate.Saved{Root: "r"})
	w.hooks.Snapshot(aggregate.Saved{Root: "r", Err: errors.New("no")})
	require.Equal(t, map[string]string{
		"maestro.conflicts {command}": "3 maestro.root=r", "maestro.panics {panic}": "1 maestro.root=r", "maestro.stuck {handler}": "1 maestro.root=r",
		"maestro.aggregates {aggregate}": "1 maestro.root=r", "maestro.snapshots.failed {snapshot}": "1 maestro.root=r",
		"maestro.log_went_back {aggregate}": "1 maestro.root=r",
	}, w.points())
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"ok":        nil,
		"rejected":  &aggregate.RejectedError{Message: "no", Err: &store.ProjectionError{Err: errors.New("taken")}},
		"unknown":   fmt.Errorf("x: %w", store.ErrOutcomeUnknown),
		"conflict":  store.ErrConflict,
		"abandoned": context.DeadlineExceeded,
		"failed":    errors.New("no"),
	} {
		w := watch(t)
		w.hooks.Load(t.Context(), aggregate.Loaded{Start: time.Now(), Err: err})
		require.Equal(t, want, attributes(w.span("load event_log"))["maestro.outcome"])
	}
}

func TestAWorkerWithNothingButMetadataContinuesTheTrace(t *testing.T) {
	t.Parallel()
	w := watch(t)
	ctx, span := w.tracer.Start(t.Context(), "request")
	m := types.MetadataFrom(otelmaestro.Inject(types.WithMetadata(ctx, types.Metadata{Actor: "ann"})))
	require.Equal(t, "ann", m.Actor)
	span.End()
	w.hooks.Evaluate(types.WithMetadata(t.Context(), m), aggregate.Evaluation{Root: "pay", Start: time.Now()})
	w.hooks.Evaluate(t.Context(), aggregate.Evaluation{Root: "alone", Start: time.Now()})
	require.Equal(t, w.span("request").SpanContext.SpanID(), w.span("evaluate pay").Parent.SpanID())
	require.False(t, w.span("evaluate alone").Parent.IsValid())
	require.Equal(t, t.Context(), otelmaestro.Inject(t.Context()), "there is no span to inject")
	require.Equal(t, t.Context(), otelmaestro.Extract(t.Context(), types.Metadata{}))
}

// wrapper stands for what is put around a store.
type wrapper struct{ store.Adapter }

func (w wrapper) Unwrap() store.Adapter { return w.Adapter }

func TestTheDatabaseIsNamedAsTheConventionsDo(t *testing.T) {
	t.Parallel()
	for want, s := range map[string][]store.Adapter{
		"postgresql": {nil, new(postgres.Store), wrapper{new(postgres.Store)}},
		"memory":     {memory.New(), wrapper{memory.New()}},
	} {
		for _, s := range s {
			spans := tracetest.NewInMemoryExporter()
			hooks, err := otelmaestro.Hooks(&otelmaestro.Options{Tracers: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), Meters: noop.NewMeterProvider(), Store: s})
			require.NoError(t, err)
			hooks.Load(t.Context(), aggregate.Loaded{Start: time.Now()})
			require.Equal(t, want, attributes(spans.GetSpans()[0])["db.system.name"])
		}
	}
}

// refusing is a meter provider whose meter has no counters.
type refusing struct{ embedded.MeterProvider }

var errNoCounter = errors.New("no counter")

func (refusing) Meter(string, ...metric.MeterOption) metric.Meter { return counterless{} }

type counterless struct{ noop.Meter }

func (counterless) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return nil, errNoCounter
}

func TestAMeterThatRefusesAnInstrumentIsAnError(t *testing.T) {
	t.Parallel()
	_, err := otelmaestro.Hooks(&otelmaestro.Options{Meters: refusing{}})
	require.ErrorIs(t, err, errNoCounter)
	_, err = otelmaestro.Hooks(nil)
	require.NoError(t, err, "the global providers")
}
