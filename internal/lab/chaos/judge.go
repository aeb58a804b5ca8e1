package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/eventmaestro/maestro/internal/lab/pgproxy"
)

// verdict is what the comparison came to. All but the first three have to be 0.
type verdict struct {
	classes     map[string]int
	acked       int
	unknown     int
	lost        int // acknowledged, and not in the log, or not all of it
	torn        int // half of a transaction in the log
	duplicated  int // in the log twice, or although its caller was told that it is not
	reordered   int // gaps, repeats, falling timestamps, states and answers that no order explains
	replication int // acknowledged before an asynchronous standby was promoted that had not got it
	lies        int // definite errors that are not the handler's, the caller's or an absent database's
	aggregates  int
	events      int
	searched    int // aggregates whose history was searched for an order
	findings    []string
	paths       map[string]int
	missing     []string // paths that must have been taken, and were not
}

func (v *verdict) broken() bool {
	return v.lost+v.torn+v.duplicated+v.reordered+v.lies > 0 || len(v.missing) > 0
}

func (v *verdict) find(counter *int, format string, args ...any) {
	*counter++
	v.findings = append(v.findings, fmt.Sprintf(format, args...))
}

// judge compares journals, log and projection.
func judge(r *record) *verdict {
	v := &verdict{classes: map[string]int{}, aggregates: len(r.logs), paths: r.paths, missing: missing(r.paths, r.must)}
	for place, h := range r.logs {
		v.events += len(h.events)
		v.judgeLog(place, h)
		v.judgeProjection(place, h, r.projected)
	}
	groups := map[string][]*op{} // the attempts at one command
	for _, o := range r.ops {
		v.judgeAnswer(o, r)
		if !o.asked.Read {
			groups[o.asked.Token] = append(groups[o.asked.Token], o)
		}
	}
	for _, attempts := range groups {
		v.judgeCommand(attempts, r)
	}
	v.judgePairs(r)
	v.judgePromotions(r)
	for _, l := range r.live {
		v.judgeLive(l, r)
	}
	v.judgeOrder(r)
	return v
}

// class is the answer's, or unknown for who was killed before it came.
func (o *op) class() string {
	if o.told == nil {
		return unknown
	}
	return o.told.Class
}

func (v *verdict) judgeLog(place [2]int, h *history) {
	seen := map[string]bool{}
	for i, e := range h.events {
		if i == 0 && e.Sequence != 1 || i > 0 && e.Sequence != h.events[i-1].Sequence+1 {
			v.find(&v.reordered, "%v: a gap: sequence %d at place %d", place, e.Sequence, i+1)
		}
		if i > 0 && !h.events[i-1].Timestamp.Before(e.Timestamp) {
			v.find(&v.reordered, "%v: timestamp %v at sequence %d is not after %v", place, e.Timestamp, e.Sequence, h.events[i-1].Timestamp)
		}
		if token := h.changes[i].Token; seen[token] {
			v.find(&v.duplicated, "%v: %s is in the log twice", place, token)
		} else {
			seen[token] = true
		}
	}
}

func (v *verdict) judgeProjection(place [2]int, h *history, projected map[[2]int]projection) {
	if rootOf(place[1]) != 1 {
		return
	}
	last := h.states[len(h.states)-1]
	if want := (projection{len(h.events), last.Value, last.Events}); projected[place] != want {
		v.find(&v.reordered, "%v: the projection is %+v, the log %+v", place, projected[place], want)
	}
}

// judgeAnswer looks at a single answer.
func (v *verdict) judgeAnswer(o *op, r *record) {
	class := o.class()
	v.classes[class]++
	switch class {
	case acked:
		v.acked++
	case unknown:
		v.unknown++
	case wrong:
		v.find(&v.lies, "%s op %d: %s", o.writer, o.asked.Op, o.told.Err)
	}
	if o.told == nil || o.told.State == nil {
		return
	}
	h := r.logs[o.place()]
	if h == nil {
		h = newHistory()
	}
	if s := *o.told.State; !h.had(s) && !o.excused(r) {
		v.find(&v.reordered, "%s op %d was given a state that never was: %+v", o.writer, o.asked.Op, s)
	}
}

func (o *op) place() [2]int { return [2]int{o.asked.Period, o.asked.Index} }

// inLog returns how many events of the command are in the log, and whether they stand together.
func (o *op) inLog(r *record) (n int, together bool) {
	h := r.logs[o.place()]
	if h == nil {
		return 0, true
	}
	first, there := h.where[o.asked.Token]
	if !there {
		return 0, true
	}
	together = true
	for i, c := range h.changes {
		if c.command() == o.asked.Token {
			together = together && i == first+n
			n++
		}
	}
	return n, together
}

// judgeCommand compares what callers were told of a command with the log.
func (v *verdict) judgeCommand(attempts []*op, r *record) {
	o := attempts[0]
	n, together := o.inLog(r)
	want := max(o.asked.Parts, 1) // of those with 0 parts: if there is one at all
	if !together || n != 0 && n != want {
		v.find(&v.lost, "%s %s: %d of %d events are in the log, together: %v", o.writer, o.asked.Token, n, want, together)
	}
	has := func(class string) bool {
		return slices.ContainsFunc(attempts, func(o *op) bool { return o.class() == class })
	}
	switch {
	case n == 0 && slices.ContainsFunc(attempts, func(o *op) bool { return o.replicationLost(r) }):
		v.replication++
	case has(acked) && o.asked.Parts > 0 && n == 0:
		v.find(&v.lost, "%s %s was acknowledged and is not in the log", o.writer, o.asked.Token)
	case !has(acked) && !has(unknown) && n > 0:
		v.find(&v.duplicated, "%s %s: its caller was told that it failed (%s), and it is in the log", o.writer, o.asked.Token, o.told.Err)
	}
	for _, o := range attempts {
		found, asked := r.found[o]
		if asked && o.asked.ID == "" && found != n && (found != 0 || n == len(o.told.Stamps)) {
			v.find(&v.lost, "%s %s: lookup found %d events, the log has %d", o.writer, o.asked.Token, found, n)
		}
	}
}

// judgePairs makes sure that of the two commands of a transaction both are in the log, or none.
func (v *verdict) judgePairs(r *record) {
	stored := map[string]int{}
	for _, o := range r.ops {
		if o.asked.Pair == "" {
			continue
		}
		n, _ := o.inLog(r)
		if other, second := stored[o.asked.Pair]; second && other != n {
			v.find(&v.torn, "%s: half of the transaction %s is in the log", o.writer, o.asked.Pair)
		}
		stored[o.asked.Pair] = n
	}
}

// judgeLive compares what writers had in memory with what the log leads to.
func (v *verdict) judgeLive(l entry, r *record) {
	h := r.logs[[2]int{l.Period, l.Index}]
	if h == nil {
		h = newHistory()
	}
	if l.Err != "" {
		v.find(&v.reordered, "period %d, aggregate %d: %s", l.Period, l.Index, l.Err)
		return
	}
	if *l.State != *l.Replayed || l.State.Events >= len(h.states) || h.states[l.State.Events] != *l.State {
		v.find(&v.reordered, "period %d, aggregate %d: in memory %+v, replayed %+v", l.Period, l.Index, *l.State, *l.Replayed)
	}
}

func (v *verdict) print(out io.Writer, k kind, p *pgproxy.Plan) {
	if k == asynchronous {
		fmt.Fprintf(out, "acknowledged, and gone with a primary whose standby had not got them: %d commands, the last of their aggregates\n", v.replication)
	}
	fmt.Fprintf(out, "round=%s faults=%d acked=%d unknown=%d lost=%d torn=%d duplicated=%d reordered=%d false_errors=%d\n",
		k, p.Number(""), v.acked, v.unknown, v.lost, v.torn, v.duplicated, v.reordered, v.lies)
	for _, line := range p.Lines() {
		fmt.Fprintln(out, line)
	}
	v.printPaths(out)
	fmt.Fprintf(out, "answers: %v\nlog: %d events of %d aggregates, the histories of %d searched for an order\n",
		v.classes, v.events, v.aggregates, v.searched)
	for i, finding := range v.findings {
		if i == 50 {
			fmt.Fprintf(out, "… and %d more\n", len(v.findings)-i)
			break
		}
		fmt.Fprintln(out, finding)
	}
}
