package otelmaestro

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
	"go.opentelemetry.io/otel/semconv/v1.43.0/messagingconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Scope names the tracer and the meter.
const Scope = "github.com/eventmaestro/maestro"

// Options are what Hooks can be told. The zero value is right where the program has set the global
// providers.
type Options struct {
	// Tracers and Meters make the tracer and the meter. Nil means the global provider.
	Tracers trace.TracerProvider
	Meters  metric.MeterProvider

	// Store is the supervisor's. It tells db.system.name: postgresql, or the store's own kind. Nil
	// means postgresql.
	Store store.Adapter
}

// Hooks returns the hooks of a supervisor. o may be nil. It fails where the meter refuses an
// instrument. Spans are made when their work is over, with the times that it began and ended.
func Hooks(o *Options) (aggregate.Hooks, error) {
	if o == nil {
		o = &Options{}
	}
	tracers, meters := o.Tracers, o.Meters
	if tracers == nil {
		tracers = otel.GetTracerProvider()
	}
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	w := &watcher{
		tracer: tracers.Tracer(Scope, trace.WithSchemaURL(semconv.SchemaURL)),
		system: semconv.DBSystemNameKey.String(systemOf(o.Store)),
	}
	if err := w.instruments(meters.Meter(Scope, metric.WithSchemaURL(semconv.SchemaURL))); err != nil {
		return aggregate.Hooks{}, err
	}
	return aggregate.Hooks{
		Evaluate:    w.evaluated,
		Transact:    w.transacted,
		Commit:      w.committed,
		Load:        w.loaded,
		Conflict:    func(ctx context.Context, c aggregate.Conflict) { w.conflicts.Add(ctx, int64(c.Commands), in(c.Root)) },
		Panic:       func(ctx context.Context, p aggregate.Panicked) { w.panics.Add(ctx, 1, in(p.Root)) },
		Stuck:       func(ctx context.Context, s aggregate.Stuck) { w.stuck.Add(ctx, 1, in(s.Root)) },
		LogWentBack: func(ctx context.Context, e *aggregate.LogWentBackError) { w.back.Add(ctx, 1, in(e.Root)) },
		Start:       func(l aggregate.Lifecycle) { w.live.Add(context.Background(), 1, in(l.Root)) },
		Exit:        func(l aggregate.Lifecycle) { w.live.Add(context.Background(), -1, in(l.Root)) },
		Snapshot: func(s aggregate.Saved) {
			if s.Err != nil {
				w.failed.Add(context.Background(), 1, in(s.Root))
			}
		},
	}, nil
}

// systemOf is what the conventions call a store, or one that it wraps.
func systemOf(a store.Adapter) string {
	for a != nil {
		if p, ok := a.(store.Projector); ok && p.StoreKind() != "postgres" {
			return p.StoreKind()
		}
		w, ok := a.(interface{ Unwrap() store.Adapter })
		if !ok {
			break
		}
		a = w.Unwrap()
	}
	return "postgresql"
}

// watcher turns what the hooks tell into spans and measurements.
type watcher struct {
	tracer trace.Tracer
	system attribute.KeyValue

	evaluations                            messagingconv.ProcessDuration
	events                                 messagingconv.ClientSentMessages
	operations                             dbconv.ClientOperationDuration
	transactions                           metric.Float64Histogram
	conflicts, panics, stuck, failed, back metric.Int64Counter
	live                                   metric.Int64UpDownCounter
}

// Bounds of the histograms, in seconds. What is warm takes microseconds, which the conventions' own
// bounds don't tell apart.
var bounds = metric.WithExplicitBucketBoundaries(0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)

func (w *watcher) instruments(m metric.Meter) error {
	var errs [5]error
	w.evaluations, errs[0] = messagingconv.NewProcessDuration(m, bounds)
	w.events, errs[1] = messagingconv.NewClientSentMessages(m)
	w.operations, errs[2] = dbconv.NewClientOperationDuration(m, bounds)
	w.live, errs[3] = m.Int64UpDownCounter("maestro.aggregates", metric.WithUnit("{aggregate}"), metric.WithDescription("Aggregates in memory."))
	w.transactions, errs[4] = m.Float64Histogram("maestro.transaction.duration", bounds, metric.WithUnit("s"),
		metric.WithDescription("Transactions of several aggregates."))
	counter := func(to *metric.Int64Counter, name, unit, description string) (err error) {
		*to, err = m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		return err
	}
	return errors.Join(errors.Join(errs[:]...),
		counter(&w.conflicts, "maestro.conflicts", "{command}", "Commands that another process was faster than."),
		counter(&w.panics, "maestro.panics", "{panic}", "Panics of handlers."),
		counter(&w.stuck, "maestro.stuck", "{handler}", "Handlers that outlasted their caller, at most one a second."),
		counter(&w.failed, "maestro.snapshots.failed", "{snapshot}", "Snapshots that could not be stored."),
		counter(&w.back, "maestro.log_went_back", "{aggregate}", "States in memory that the log turned out not to have."),
	)
}

const system messagingconv.SystemAttr = "maestro"

func (w *watcher) evaluated(ctx context.Context, e aggregate.Evaluation) {
	common := append(outcome(e.Err), rootKey.String(e.Root), attribute.String("maestro.command", e.Type),
		semconv.MessagingDestinationName(e.Root), semconv.MessagingOperationTypeProcess)
	w.evaluations.Record(ctx, e.Duration.Seconds(), "evaluate", system, common...)
	attributes := append(common, aggregateKey(e.AggregateID), semconv.MessagingSystemKey.String(string(system)), semconv.MessagingOperationName("evaluate"),
		attribute.Int("maestro.attempts", e.Attempts))
	if m := types.MetadataFrom(ctx); m.CorrelationID != "" {
		attributes = append(attributes, semconv.MessagingMessageConversationID(m.CorrelationID))
	}
	w.span(ctx, trace.SpanKindConsumer, "evaluate "+e.Root, e.Start, e.Duration, e.Err, attributes)
}

func (w *watcher) committed(ctx context.Context, c aggregate.Committed) {
	attributes := []attribute.KeyValue{attribute.Int("maestro.commands", c.Commands), attribute.Int("maestro.events", c.Events)}
	if c.Events > 1 {
		attributes = append(attributes, semconv.DBOperationBatchSize(c.Events))
	}
	if c.Err == nil && c.Events > 0 {
		w.events.Add(ctx, int64(c.Events), "commit", system, rootKey.String(c.Root), semconv.MessagingDestinationName(c.Root))
	}
	w.operated(ctx, "commit", c.Root, c.AggregateID, c.Start, c.Duration, c.Err, attributes)
}

func (w *watcher) loaded(ctx context.Context, l aggregate.Loaded) {
	w.operated(ctx, "load", l.Root, l.AggregateID, l.Start, l.Duration, l.Err, []attribute.KeyValue{
		semconv.DBResponseReturnedRows(l.Events), attribute.Int64("maestro.snapshot", int64(l.Snapshot)),
	})
}

// operated is a commit or a load.
func (w *watcher) operated(ctx context.Context, name, root string, id hlc.Timestamp, start time.Time, took time.Duration, err error, more []attribute.KeyValue) {
	common := append(outcome(err), rootKey.String(root), w.system, semconv.DBOperationName(name), semconv.DBCollectionName("event_log"))
	w.operations.Inst().Record(ctx, took.Seconds(), metric.WithAttributes(common...))
	w.span(ctx, trace.SpanKindClient, name+" event_log", start, took, err, append(append(common, aggregateKey(id)), more...))
}

// transacted is a call of Supervisor.Transact. Its commands and commits have spans of their own.
func (w *watcher) transacted(ctx context.Context, t aggregate.Transacted) {
	common := outcome(t.Err)
	w.transactions.Record(ctx, t.Duration.Seconds(), metric.WithAttributes(common...))
	w.span(ctx, trace.SpanKindInternal, "transact", t.Start, t.Duration, t.Err, append(common, attribute.Int("maestro.aggregates", t.Aggregates),
		attribute.Int("maestro.events", t.Events), attribute.Int("maestro.attempts", t.Attempts)))
}

func aggregateKey(id hlc.Timestamp) attribute.KeyValue {
	return attribute.Stringer("maestro.aggregate", id)
}

func (w *watcher) span(ctx context.Context, kind trace.SpanKind, name string, start time.Time, took time.Duration, err error, attributes []attribute.KeyValue) {
	_, span := w.tracer.Start(parent(ctx), name, trace.WithTimestamp(start), trace.WithSpanKind(kind),
		trace.WithAttributes(attributes...))
	if isFailure(err) {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End(trace.WithTimestamp(start.Add(took)))
}

const rootKey = attribute.Key("maestro.root")

func in(root string) metric.MeasurementOption { return metric.WithAttributes(rootKey.String(root)) }

// outcome is the attribute of an outcome, and of a failure its class as the conventions want it.
func outcome(err error) []attribute.KeyValue {
	class := outcomeOf(err)
	attributes := []attribute.KeyValue{attribute.String("maestro.outcome", class)}
	if isFailure(err) {
		attributes = append(attributes, semconv.ErrorTypeKey.String(class))
	}
	return attributes
}

func isFailure(err error) bool { return err != nil && outcomeOf(err) != "rejected" }

// outcomeOf puts errors into the few classes that are worth a line in a diagram. A rejection is
// an answer, not a failure.
func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, aggregate.ErrRejected):
		return "rejected"
	case errors.Is(err, store.ErrOutcomeUnknown):
		return "unknown"
	case errors.Is(err, store.ErrConflict):
		return "conflict"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "abandoned"
	}
	return "failed"
}
