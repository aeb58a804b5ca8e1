package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// figure is what one measurement came to, or the medians of several.
type figure struct {
	value    float64 // in the case's unit
	p50, p99 time.Duration
	cpu      time.Duration // of this process and the server, for one thing done; 0 if not known
}

// outcome is what a case came to.
type outcome struct {
	ours, limit figure
	notes       []note   // what else is worth a word in the line
	misses      []string // conditions beside the ratio that were not met
}

// note is one key=value of a line.
type note struct{ key, value string }

func (o *outcome) note(key, value string) { o.notes = append(o.notes, note{key, value}) }

func (o *outcome) miss(format string, args ...any) {
	o.misses = append(o.misses, fmt.Sprintf(format, args...))
}

// median returns the middle value, or the mean of the two in the middle.
func median[N ~int64 | ~float64](values []N) N {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// percentile returns the value that p percent of the sorted ones do not exceed.
func percentile[T cmp.Ordered](sorted []T, p int) T {
	if len(sorted) == 0 {
		return *new(T)
	}
	rank := (len(sorted)*p + 99) / 100 // of the nearest value, from 1
	return sorted[max(rank, 1)-1]
}

// medians returns each part's median over the rounds.
func medians(rounds []figure) figure {
	values := make([]float64, len(rounds))
	p50, p99, cpu := make([]time.Duration, len(rounds)), make([]time.Duration, len(rounds)), make([]time.Duration, len(rounds))
	for i, f := range rounds {
		values[i], p50[i], p99[i], cpu[i] = f.value, f.p50, f.p99, f.cpu
	}
	return figure{median(values), median(p50), median(p99), median(cpu)}
}

// latencies sorts what several goroutines measured, and returns the two figures of it.
func latencies(lists [][]time.Duration) (p50, p99 time.Duration) {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return percentile(all, 50), percentile(all, 99)
}
