// Command otel shows how the library is watched with OpenTelemetry, by module
// aggregate/otelmaestro: spans go to standard output, and measurements to where Prometheus scrapes
// them: run it with an address such as localhost:9464. A program that has an OTLP exporter changes
// nothing but the two providers.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/aggregate/otelmaestro"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func main() {
	if err := mainErr(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "otel:", err)
		os.Exit(1)
	}
}

func mainErr(ctx context.Context) (err error) {
	spans, err := stdouttrace.New(stdouttrace.WithPrettyPrint())
	if err != nil {
		return err
	}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	meters, page, err := prometheusMeters()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tracers.Shutdown(ctx), meters.Shutdown(ctx)) }()
	if err := run(ctx, tracers, meters); err != nil || len(os.Args) < 2 {
		return err
	}
	fmt.Println("http://" + os.Args[1] + "/metrics has the measurements")
	server := &http.Server{Addr: os.Args[1], Handler: page, ReadHeaderTimeout: time.Second}
	return server.ListenAndServe()
}

// prometheusMeters returns a meter provider, and the page /metrics with what it measured.
func prometheusMeters() (*sdkmetric.MeterProvider, http.Handler, error) {
	registry := prometheus.NewRegistry()
	reader, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		return nil, nil, err
	}
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), nil
}

// run takes a deposit within a span of its own, and reads the event in another.
func run(ctx context.Context, tracers trace.TracerProvider, meters metric.MeterProvider) (err error) {
	// A store without a metadata column would lose the trace parent: see postgres.Options.Metadata.
	events := memory.New()
	hooks, err := otelmaestro.Hooks(&otelmaestro.Options{Tracers: tracers, Meters: meters, Store: events})
	if err != nil {
		return err
	}
	sup, err := aggregate.NewSupervisor(events, &aggregate.Options{Hooks: hooks})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sup.Shutdown(ctx)) }()
	accounts, err := aggregate.NewRoot(sup, definition())
	if err != nil {
		return err
	}
	id, err := accounts.NewID(ctx)
	if err != nil {
		return err
	}
	tracer := tracers.Tracer("bank")
	if err := request(ctx, tracer, accounts, id); err != nil {
		return err
	}
	// Elsewhere, later: the event says which trace it belongs to.
	for e, err := range accounts.History(ctx, id, store.Range{}) {
		if err != nil {
			return err
		}
		_, span := tracer.Start(otelmaestro.Extract(ctx, e.Metadata), "handle "+e.Type)
		span.End()
	}
	return nil
}

// request is what an HTTP handler would do.
func request(ctx context.Context, tracer trace.Tracer, accounts *aggregate.Root[Account], id hlc.Timestamp) error {
	ctx, span := tracer.Start(ctx, "POST /deposits")
	defer span.End()
	ctx = otelmaestro.Inject(ctx)
	if err := accounts.Send(ctx, id, Deposit{Amount: 10}); err != nil {
		return err
	}
	err := accounts.Send(ctx, id, Deposit{Amount: -1})
	if !errors.Is(err, aggregate.ErrRejected) {
		return fmt.Errorf("want a rejection, got %w", err)
	}
	return nil
}

type (
	// Account is the state, Deposit a command's data, Deposited an event's body.
	Account   struct{ Balance int }
	Deposit   struct{ Amount int }
	Deposited struct{ Amount int }
)

// CommandType is the type of the command, by which its handler is found.
func (Deposit) CommandType() string { return "deposit" }

func definition() aggregate.Definition[Account] {
	return aggregate.Definition[Account]{
		Name: "account",
		Commands: aggregate.CommandsOf(aggregate.Handle(
			func(_ context.Context, _ aggregate.Instance[Account], d Deposit) ([]types.Uncommitted, error) {
				if d.Amount < 1 {
					return nil, aggregate.Reject("deposit of %d: must be at least 1", d.Amount)
				}
				return types.Events(types.NewEvent("deposited", Deposited(d))), nil
			})),
		Events: aggregate.Events[Account]{"deposited": aggregate.Event(
			func(a Account, e Deposited) Account { a.Balance += e.Amount; return a })},
	}
}
