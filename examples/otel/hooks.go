package main

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// scope names the tracer and the meter.
const scope = "github.com/eventmaestro/maestro"

// watcher turns what the hooks tell into spans and measurements. Spans are made when their work is
// over, with the times that it began and ended.
type watcher struct {
	tracer trace.Tracer

	evaluations, commits, loads              metric.Float64Histogram // seconds
	events, conflicts, panics, stuck, failed metric.Int64Counter
	live                                     metric.Int64UpDownCounter
}

// newHooks returns the hooks of a supervisor. It fails where the meter refuses an instrument.
func newHooks(tracers trace.TracerProvider, meters metric.MeterProvider) (aggregate.Hooks, error) {
	w := &watcher{tracer: tracers.Tracer(scope)}
	if err := w.instruments(meters.Meter(scope)); err != nil {
		return aggregate.Hooks{}, err
	}
	return aggregate.Hooks{
		Evaluate: w.evaluated,
		Commit:   w.committed,
		Load:     w.loaded,
		Conflict: func(ctx context.Context, c aggregate.Conflict) { w.conflicts.Add(ctx, int64(c.Commands), in(c.Root)) },
		Panic:    func(ctx context.Context, p aggregate.Panicked) { w.panics.Add(ctx, 1, in(p.Root)) },
		Stuck:    func(ctx context.Context, s aggregate.Stuck) { w.stuck.Add(ctx, 1, in(s.Root)) },
		Start:    func(l aggregate.Lifecycle) { w.live.Add(context.Background(), 1, in(l.Root)) },
		Exit:     func(l aggregate.Lifecycle) { w.live.Add(context.Background(), -1, in(l.Root)) },
		Snapshot: func(s aggregate.Saved) {
			if s.Err != nil {
				w.failed.Add(context.Background(), 1, in(s.Root))
			}
		},
	}, nil
}

func (w *watcher) instruments(m metric.Meter) error {
	seconds := func(to *metric.Float64Histogram, name, description string) (err error) {
		*to, err = m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description))
		return err
	}
	counter := func(to *metric.Int64Counter, name, description string) (err error) {
		*to, err = m.Int64Counter(name, metric.WithDescription(description))
		return err
	}
	var err error
	w.live, err = m.Int64UpDownCounter("maestro.aggregates", metric.WithDescription("aggregates in memory"))
	return errors.Join(err,
		seconds(&w.evaluations, "maestro.evaluate.duration", "from a command's call to its answer"),
		seconds(&w.commits, "maestro.commit.duration", "of an attempt to commit"),
		seconds(&w.loads, "maestro.load.duration", "of reading a cold aggregate"),
		counter(&w.events, "maestro.events", "events that were committed"),
		counter(&w.conflicts, "maestro.conflicts", "commands that another process was faster than"),
		counter(&w.panics, "maestro.panics", "panics of handlers"),
		counter(&w.stuck, "maestro.stuck", "handlers that outlasted their caller, at most one a second"),
		counter(&w.failed, "maestro.snapshots.failed", "snapshots that could not be stored"),
	)
}

func (w *watcher) evaluated(ctx context.Context, e aggregate.Evaluation) {
	outcome := outcomeOf(e.Err)
	w.evaluations.Record(ctx, e.Duration.Seconds(), metric.WithAttributes(
		attribute.String("maestro.root", e.Root), attribute.String("maestro.command", e.Type), attribute.String("maestro.outcome", outcome)))
	w.span(ctx, "evaluate "+e.Type, e.Root, e.AggregateID, e.Start, e.Duration, e.Err,
		attribute.String("maestro.outcome", outcome), attribute.Int("maestro.attempts", e.Attempts))
}

func (w *watcher) committed(ctx context.Context, c aggregate.Committed) {
	w.commits.Record(ctx, c.Duration.Seconds(), in(c.Root))
	if c.Err == nil {
		w.events.Add(ctx, int64(c.Events), in(c.Root))
	}
	w.span(ctx, "commit", c.Root, c.AggregateID, c.Start, c.Duration, c.Err,
		attribute.Int("maestro.commands", c.Commands), attribute.Int("maestro.events", c.Events))
}

func (w *watcher) loaded(ctx context.Context, l aggregate.Loaded) {
	w.loads.Record(ctx, l.Duration.Seconds(), in(l.Root))
	w.span(ctx, "load", l.Root, l.AggregateID, l.Start, l.Duration, l.Err,
		attribute.Int("maestro.events", l.Events), attribute.Int64("maestro.snapshot", int64(l.Snapshot)))
}

func (w *watcher) span(ctx context.Context, name, root string, id hlc.Timestamp, start time.Time, took time.Duration, err error, more ...attribute.KeyValue) {
	_, span := w.tracer.Start(parent(ctx), name, trace.WithTimestamp(start), trace.WithAttributes(more...), trace.WithAttributes(
		attribute.String("maestro.root", root), attribute.Stringer("maestro.aggregate", id)))
	if err != nil && outcomeOf(err) != "rejected" {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End(trace.WithTimestamp(start.Add(took)))
}

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

func in(root string) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("maestro.root", root))
}
