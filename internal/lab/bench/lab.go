package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
)

// lab is what the cases have in common.
type lab struct {
	options
	out   io.Writer
	db    *database // nil before a case asks for it
	clock *hlc.Clock
	facts []note // about machine and server
	best  map[string]int
	name  string // of the case that runs
}

func newLab(ctx context.Context, o options, out io.Writer) (*lab, error) {
	l := &lab{options: o, out: out, clock: hlc.NewClock(nil), best: map[string]int{}, facts: machine()}
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o755); err != nil {
			return nil, err
		}
	}
	db, facts, err := openDatabase(ctx, o)
	if err != nil {
		return nil, err
	}
	l.db, l.facts = db, append(l.facts, facts...)
	for _, f := range l.facts {
		if !o.ours {
			fmt.Fprintf(out, "# %s: %s\n", f.key, f.value)
		}
	}
	return l, nil
}

func (l *lab) close() error { return l.db.close() }

// result is a case with its outcome.
type result struct {
	benchmark
	outcome
}

func (r result) ratio() float64 { return r.unit.ratio(r.ours.value, r.outcome.limit.value) }

// met allows what rounding to two places hides.
func (r result) met() bool { return r.ratio() >= r.target-0.005 && len(r.misses) == 0 }

// runAll runs the cases and prints their lines as they come. A case that fails does not
// keep the others from running.
func (l *lab) runAll(ctx context.Context, chosen []benchmark) ([]result, error) {
	var results []result
	var errs []error
	for _, c := range chosen {
		l.name = c.name
		o, err := c.run(ctx, l)
		if err != nil {
			errs = append(errs, fmt.Errorf("case %s: %w", c.name, err))
			fmt.Fprintf(l.out, "case=%s error=%q\n", c.name, err)
		} else {
			r := result{c, o}
			results = append(results, r)
			fmt.Fprintln(l.out, l.lineOf(r))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return results, errors.Join(errs...)
}

// lineOf is the result for people, or, of our side alone, for the program that asked for it.
func (l *lab) lineOf(r result) string {
	if l.ours {
		return r.ours.encode()
	}
	return r.line()
}

// measure carries out one measurement of about the length d.
type measure func(ctx context.Context, d time.Duration) (figure, error)

// compare measures in turns, round by round, and returns the medians of each. The part is how much
// of -time one measurement takes.
func (l *lab) compare(ctx context.Context, part float64, limit, ours measure, others ...measure) (outcome, []figure, error) {
	all := append([]measure{limit, ours}, others...)
	if l.ours {
		nothing := func(context.Context, time.Duration) (figure, error) { return figure{}, nil }
		all = slices.Repeat([]measure{nothing}, len(all))
		all[1] = ours
	}
	rounds := make([][]figure, len(all))
	for round := range l.rounds {
		for i, m := range all {
			stop, err := l.profile(i == 1, round)
			if err != nil {
				return outcome{}, nil, err
			}
			f, err := m(ctx, time.Duration(float64(l.time)*part))
			stop()
			if err != nil {
				return outcome{}, nil, err
			}
			rounds[i] = append(rounds[i], f)
		}
	}
	o := outcome{limit: medians(rounds[0]), ours: medians(rounds[1])}
	if !l.ours {
		o.note("rounds", spreadOf(rounds[1], rounds[0]))
	}
	var rest []figure
	for _, r := range rounds[2:] {
		rest = append(rest, medians(r))
	}
	return o, rest, nil
}

// spreadOf says between which ratios the single rounds were, so that a reader sees how
// much noise there was.
func spreadOf(ours, limit []figure) string {
	low, high := ours[0].value/limit[0].value, ours[0].value/limit[0].value
	for i := range ours {
		r := ours[i].value / limit[i].value
		low, high = min(low, r), max(high, r)
	}
	return fmt.Sprintf("%.2f-%.2f", low, high)
}

// profile starts a CPU profile of our side, if that is wanted, and returns what ends it.
func (l *lab) profile(ours bool, round int) (stop func(), _ error) {
	if l.profiles == "" || !ours {
		return func() {}, nil
	}
	f, err := os.Create(l.profileFile(round, "pprof"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // a profile that is cut short is noticed by whoever reads it
	}, nil
}

func (l *lab) profileFile(round int, suffix string) string {
	return filepath.Join(l.profiles, fmt.Sprintf("%s.%d.%s", l.name, round+1, suffix))
}
