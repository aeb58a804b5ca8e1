// Command graph is a graph editor in the browser: the library's larger example. It keeps graphs in
// memory, or in Postgres with -database URL, where any number of processes may share them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/examples/graph/editor"
	"github.com/eventmaestro/maestro/examples/graph/web"
)

// config is what the flags say.
type config struct {
	listen   string
	database string
	poll     time.Duration
	open     bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "graph:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	var c config
	flags := flag.NewFlagSet("graph", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&c.listen, "listen", "localhost:8080", "the `address` of the page")
	flags.StringVar(&c.database, "database", "", "the `URL` of a Postgres database, whose missing tables are made; none: in memory")
	flags.DurationVar(&c.poll, "poll", 250*time.Millisecond, "how often an open page looks for the changes of other processes")
	flags.BoolVar(&c.open, "open", true, "open the page in the browser")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if c.poll <= 0 {
		return fmt.Errorf("-poll %v: must be more than 0", c.poll)
	}
	return serve(ctx, c, out, slog.New(slog.NewTextHandler(errs, nil)))
}

// serve runs the editor until ctx ends.
func serve(ctx context.Context, c config, out io.Writer, log *slog.Logger) error {
	kept, err := openStorage(ctx, c.database)
	if err != nil {
		return err
	}
	defer kept.close()

	sup, err := aggregate.NewSupervisor(kept.adapter, &aggregate.Options{
		Logger: log,
		Hooks:  aggregate.Hooks{Evaluate: web.Attempts},
	})
	if err != nil {
		return err
	}
	graphs, err := aggregate.NewRoot(sup, editor.Definition(kept.names.Projection()))
	if err != nil {
		return err
	}
	pages := web.New(web.Config{Graphs: graphs, Names: kept.names, Node: sup.Clock().Node(), Poll: c.poll, Log: log})

	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String() + "/"
	fmt.Fprintf(out, "The graph editor is at %s (Ctrl+C ends it)\n", url)
	if c.open {
		openBrowser(url)
	}
	server := &http.Server{Handler: pages, ReadHeaderTimeout: 10 * time.Second}
	server.RegisterOnShutdown(pages.EndStreams)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	select {
	case err = <-served:
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	// Requests end first, then the aggregates they asked for, then the store.
	return errors.Join(err, server.Shutdown(last), sup.Shutdown(last))
}
