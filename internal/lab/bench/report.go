package main

import (
	"fmt"
	"strings"
	"time"
)

// line is the case's line of the output.
func (r result) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "case=%s ours=%s limit=%s ratio=%.2f target=%.2f met=%s",
		r.name, r.unit.format(r.ours.value), r.unit.format(r.outcome.limit.value), r.ratio(), r.target, yes(r.met()))
	for _, n := range r.latencyNotes() {
		fmt.Fprintf(&b, " %s=%s", n.key, n.value)
	}
	if r.ours.cpu > 0 && r.outcome.limit.cpu > 0 {
		fmt.Fprintf(&b, " cpu=%s limit_cpu=%s", short(r.ours.cpu), short(r.outcome.limit.cpu))
	}
	for _, n := range r.notes {
		fmt.Fprintf(&b, " %s=%s", n.key, n.value)
	}
	if len(r.misses) > 0 {
		fmt.Fprintf(&b, " missed=%s", strings.Join(r.misses, ","))
	}
	return b.String()
}

func (r result) latencyNotes() []note {
	if r.ours.p50 == 0 {
		return nil
	}
	list := []note{{"p50", short(r.ours.p50)}, {"p99", short(r.ours.p99)}}
	if limit := r.outcome.limit; limit.p50 != 0 {
		list = append(list, note{"limit_p50", short(limit.p50)}, note{"limit_p99", short(limit.p99)})
	}
	return list
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "NO"
}

// format writes a figure with its unit, and without blanks.
func (u unit) format(v float64) string {
	switch u {
	case nanoseconds:
		return short(time.Duration(v))
	case byteCount:
		return fmt.Sprintf("%.0fB", v)
	case plainCount:
		return fmt.Sprintf("%.1f", v)
	}
	if v < 1000 {
		return fmt.Sprintf("%.1f/s", v)
	}
	return fmt.Sprintf("%.0f/s", v)
}

// short writes a duration with three or four digits.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.1fms", float64(d)/1e6)
	case d >= 10*time.Microsecond:
		return fmt.Sprintf("%.0fus", float64(d)/1e3)
	}
	return fmt.Sprintf("%dns", d.Nanoseconds())
}
