package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	short      bool
	cuts       int
	restarts   int
	kills      int
	terminates int
	promotions int
	only       string
	duration   time.Duration
	seed       uint64
	writers    int
	callers    int
	keep       string
	verbose    bool
}

func parse(args []string) (settings, error) {
	var s settings
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.BoolVar(&s.short, "short", false, "the round of CI: 250 cuts, 6 restarts, 25 kills, 50 terminated backends, 8 promotions")
	f.IntVar(&s.cuts, "cuts", 2000, "go on until so many connections were cut inside of a commit")
	f.IntVar(&s.restarts, "restarts", 10, "… and the server was stopped and started so often")
	f.IntVar(&s.kills, "kills", 40, "… and so many writers were killed")
	f.IntVar(&s.terminates, "terminates", 200, "… and so many backends were terminated")
	f.IntVar(&s.promotions, "promotions", 60, "… and a standby was promoted so often, half of them while commits wait for it")
	f.StringVar(&s.only, "only", "", "one `kind` of round: single, async or sync; empty means all three")
	f.DurationVar(&s.duration, "duration", 2*time.Minute, "over which the faults are spread; it goes on until all have happened")
	f.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "of all that is left to chance here; the operating system keeps its own")
	f.IntVar(&s.writers, "writers", 4, "processes that write, 4 at least")
	f.IntVar(&s.callers, "callers", 8, "goroutines that write, in each")
	f.StringVar(&s.keep, "keep", "", "keep the writers' journals in this directory")
	f.BoolVar(&s.verbose, "v", false, "say what happens")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if s.short {
		s.cuts, s.restarts, s.kills, s.terminates, s.promotions, s.duration = 250, 6, 25, 50, 8, 75*time.Second
	}
	if !slices.Contains([]string{"", string(single), string(asynchronous), string(synchronous)}, s.only) {
		return s, fmt.Errorf("chaos: -only is %q: must be single, async or sync", s.only)
	}
	if s.writers < 4 {
		return s, fmt.Errorf("chaos: -writers is %d: must be 4 at least", s.writers)
	}
	return s, nil
}

// kinds are the rounds to make.
func (s settings) kinds() []kind {
	if s.only != "" {
		return []kind{kind(s.only)}
	}
	if s.promotions == 0 {
		return []kind{single}
	}
	return []kind{single, asynchronous, synchronous}
}

// promotionsOf is how many a round of that kind has.
func (s settings) promotionsOf(k kind) int {
	if k == synchronous {
		return s.promotions - s.promotions/2
	}
	return s.promotions / 2
}

// roleWriter is the argument that makes the program a writer.
const roleWriter = "writer"

func main() {
	if len(os.Args) == 2 && os.Args[1] == roleWriter {
		if err := write(os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	s, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	found, err := run(ctx, s)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if found {
		os.Exit(1)
	}
}
