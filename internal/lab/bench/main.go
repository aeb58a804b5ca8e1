package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
)

// Where -write puts the table, from the root of the module: the figures that count, and those of a
// slower disk.
const (
	document = "docs/performance.md"
	labBook  = "docs/lab/performance.md"
)

type options struct {
	cases    string
	rounds   int
	time     time.Duration
	database string
	flush    time.Duration
	profiles string
	write    bool
	worker   bool

	old        string
	ours       bool
	postmaster string
}

func (o *options) flags() *flag.FlagSet {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.cases, "case", "", "comma-separated `names` of cases; empty means all, \"list\" prints them")
	f.IntVar(&o.rounds, "rounds", 13, "how often each case and its limit are measured, in turns; the medians count")
	f.DurationVar(&o.time, "time", 700*time.Millisecond, "length of one measurement; quick cases take a part of it")
	f.StringVar(&o.database, "database", "", "`URL` of a database to measure on, in a schema that is dropped at the end; empty starts a server")
	f.DurationVar(&o.flush, "flush", 0, "how much longer each flush of the log is to take, up to 100ms, for both sides: as on a disk without a cache in front")
	f.StringVar(&o.profiles, "profile", "", "`folder` for CPU profiles of our side, one a case and round")
	f.BoolVar(&o.write, "write", false, "write the table into "+document)
	f.BoolVar(&o.worker, "worker", false, "be the second process of a case (used by the program itself)")
	f.StringVar(&o.old, "old", "", "`binary` of this program on another version of the library: measure both in turns, and nothing else")
	f.BoolVar(&o.ours, "ours", false, "measure our side only, and print it for the program itself")
	f.StringVar(&o.postmaster, "postmaster", "", "`process` of the server that -database names (used by the program itself)")
	return f
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	var o options
	if err := o.flags().Parse(args); err != nil {
		return err
	}
	if o.worker {
		return work(ctx, in, out)
	}
	if o.rounds < 1 || o.time <= 0 {
		return fmt.Errorf("-rounds is %d and -time %v: both must be positive", o.rounds, o.time)
	}
	if o.flush < 0 || o.flush > maxFlush || o.flush > 0 && o.database != "" {
		return fmt.Errorf("-flush is %v: it must be in 0 to %v, and goes without -database", o.flush, maxFlush)
	}
	if o.cases == "list" {
		for _, c := range cases {
			fmt.Fprintf(out, "%-10s  %s; limit: %s\n", c.name, c.what, c.limit)
		}
		return nil
	}
	chosen, err := choose(o.cases)
	if err != nil {
		return err
	}
	if o.old != "" {
		return beside(ctx, o, chosen, out)
	}
	l, err := newLab(ctx, o, out)
	if err != nil {
		return err
	}
	results, err := l.runAll(ctx, chosen)
	if o.write && len(results) > 0 {
		err = errors.Join(err, writeDocument(o.document(), o.table(), l.facts, results))
	}
	return errors.Join(err, l.close())
}

// table names the table in the document that the results belong into.
func (o *options) table() string {
	if o.flush > 0 {
		return "bench of a slower flush"
	}
	return "bench"
}

// document names the document that the table stands in.
func (o *options) document() string {
	if o.flush > 0 {
		return labBook
	}
	return document
}

// choose returns the cases of a comma-separated list.
func choose(list string) ([]benchmark, error) {
	if list == "" {
		return cases, nil
	}
	var chosen []benchmark
	for name := range strings.SplitSeq(list, ",") {
		found := false
		for _, c := range cases {
			if c.name == strings.TrimSpace(name) {
				chosen, found = append(chosen, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("-case: there is no case %q; -case list prints them", name)
		}
	}
	return chosen, nil
}
