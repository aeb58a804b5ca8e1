// Command booking is a service for booking seats: two kinds of aggregates that change together,
// clients that repeat themselves, replicas, and deploys while it is used. README.md says how to run
// it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store/postgres"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: booking migrate | serve [-addr HOST:PORT] [-version 1|2|3] | ready URL ... | load [-for DURATION] URL ...; the database is DATABASE_URL")

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	addr := flags.String("addr", "localhost:8080", "where to listen")
	version := flags.Int("version", writerVersion, "which version of the program to be")
	long := flags.Duration("for", 20*time.Second, "how long 16 customers have wishes")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	c := &client{http: &http.Client{Timeout: 15 * time.Second}, replicas: flags.Args}
	switch {
	case args[0] == "ready" && flags.NArg() > 0:
		return c.ready(ctx)
	case args[0] == "load" && flags.NArg() > 0:
		return c.load(ctx, *long)
	}
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer pool.Close()
	switch args[0] {
	case "migrate":
		return migrations.Apply(ctx, pool, &migrations.Options{Commands: true})
	case "serve":
		return serve(ctx, pool, *addr, *version)
	}
	return errUsage
}

// load prints what a load came to. It is an error that a client saw one.
func (c *client) load(ctx context.Context, long time.Duration) error {
	end := time.Now().Add(long)
	r := load(ctx, c, fmt.Sprint(end.UnixNano()), 16, func(int) bool { return time.Now().Before(end) && ctx.Err() == nil })
	fmt.Println(r)
	for text := range r.errors.Range {
		fmt.Println(text)
	}
	if r.shown.Load() > 0 {
		return errors.New("clients saw errors")
	}
	return ctx.Err()
}

// serve runs a replica until ctx ends. Then it takes no new requests, answers those it has, and
// ends.
func serve(ctx context.Context, pool *pgxpool.Pool, addr string, version int) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	events, err := postgres.New(pool, &postgres.Options{Commands: true, Logger: log})
	if err != nil {
		return err
	}
	if err := events.Validate(ctx); err != nil {
		return err
	}
	service, err := NewService(events, version, log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: service.Handler(), ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	log.Info("serving", "addr", listener.Addr(), "version", version)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(last), service.Close(last))
}
