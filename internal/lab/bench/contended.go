package main

import (
	"context"
	"fmt"
	"time"
)

// contended lets two processes work on the same aggregates.
func contended(ctx context.Context, l *lab) (outcome, error) {
	f := formation{processes: 2, aggregates: 16, callers: 32}
	callers := f.processes * f.callers
	raw, size, err := l.bestInserts(ctx, callers)
	if err != nil {
		return outcome{}, err
	}
	defer raw.Close()
	var g gathering
	o, _, err := l.compare(ctx, 1, l.rawInserts(raw, callers), l.gather(f, &g))
	o.note("pool", fmt.Sprint(size))
	o.noteGathering(g)
	o.nothingFailed(g.failed)
	return o, err
}

const (
	hotCallers = 16  // of each process
	hotTail    = 5.0 // times the median of one process alone may the p99 be
	hotLuck    = 0.5 // of the luckiest process' rate is the unluckiest's at least
)

// hotProcesses is processes that fight over one aggregate. The limit is one process with all the
// callers.
func hotProcesses(processes int) func(context.Context, *lab) (outcome, error) {
	return func(ctx context.Context, l *lab) (outcome, error) {
		var alone, g gathering
		o, _, err := l.compare(ctx, 1,
			l.gather(formation{processes: 1, aggregates: 1, callers: processes * hotCallers}, &alone),
			l.gather(formation{processes: processes, aggregates: 1, callers: hotCallers}, &g))
		if err != nil {
			return outcome{}, err
		}
		o.noteGathering(g)
		o.nothingFailed(g.failed)
		luck := median(g.luck)
		o.note("luck", fmt.Sprintf("%.2f", luck))
		if luck < hotLuck {
			o.miss("luck=%.2f<%.2f", luck, hotLuck)
		}
		if !l.ours {
			o.tail("p99_by_median", o.ours.p99, o.limit.p50, hotTail)
		}
		return o, nil
	}
}

func (o *outcome) noteGathering(g gathering) {
	o.note("failed", fmt.Sprint(g.failed))
	o.note("conflicts", fmt.Sprintf("%.2f/command", float64(g.conflicts)/float64(max(g.total, 1))))
}

// nothingFailed is a condition beside the ratio.
func (o *outcome) nothingFailed(failed int) {
	if failed > 0 {
		o.miss("failed=%d>0", failed)
	}
}

// tail is a condition beside the ratio: that a duration is at most so many times another.
func (o *outcome) tail(name string, ours, limit time.Duration, most float64) {
	times := float64(ours) / float64(max(limit, 1))
	o.note(name, fmt.Sprintf("%.2f", times))
	if times > most {
		o.miss("%s=%.2f>%.2f", name, times, most)
	}
}
