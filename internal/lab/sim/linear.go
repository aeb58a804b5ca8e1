package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/eventmaestro/maestro/aggregate"
)

// sequential is what the model of one aggregate remembers: what a single process, that takes one
// command at a time, would know.
type sequential struct {
	value, seq int
	ids        string // used command IDs, each as " id=token@seq:value"
}

// outcome is what the caller of an operation learned.
type outcome struct {
	class  class
	events int // -1: not told
	state  *ledger
	actual int // with class expected: the sequence it met
	place  int // of its first event in the log, or -1
	record int // the sequence that is kept with its command ID
}

func (o outcome) String() string {
	state := "no state"
	if o.state != nil {
		state = fmt.Sprintf("%d@%d", o.state.Value, len(o.state.Tokens))
	}
	return fmt.Sprintf("%v, %d events at %d, %s, met %d", o.class, o.events, o.place, state, o.actual)
}

var model = porcupine.Model{
	Init: func() any { return sequential{} },
	Step: func(state, input, output any) (bool, any) {
		return state.(sequential).step(input.(*op), output.(outcome))
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v -> %v", input, output) },
}

// step reports whether o could have had that outcome here, and what follows.
func (s sequential) step(o *op, out outcome) (bool, any) {
	if !o.evaluates() {
		return s.matches(out), s
	}
	if first, ok := s.used(o.ID); ok {
		if first.repeats(o, out) || first.token == o.token || out.class != expected && out.class != rejected {
			return first.repeats(o, out), s
		}
		// Another command's ID, by mistake: while the record of that one, which changed nothing, is
		// on its way, this one may be refused for itself.
	}
	if o.Expected != nil && int(*o.Expected) != s.seq {
		return out.class == expected && out.actual == s.seq, s
	}
	next, events, ok := s.decide(o)
	switch {
	case out.class == expected, out.class == reused:
		return false, s
	case !ok:
		return out.class == rejected, s
	case out.class == rejected, out.events >= 0 && out.events != events, events > 0 && out.place != s.seq:
		return false, s
	}
	if o.ID != "" {
		if next.seq != out.record {
			return false, s
		}
		next.ids += fmt.Sprintf(" %s=%s@%d:%d", o.ID, o.token, next.seq, next.value)
	}
	return next.matches(out), next
}

// decide is the handler.
func (s sequential) decide(o *op) (_ sequential, events int, ok bool) {
	switch c := o.Data.(type) {
	case add:
		if events, ok = decideAdd(s.value, c); ok {
			s.value += c.By * c.Parts
		}
	case raise:
		if events, ok = decideRaise(s.value, c), true; events > 0 {
			s.value = c.To
		}
	}
	if ok {
		s.seq += events
	}
	return s, events, ok
}

// matches reports whether a state that was returned is this one.
func (s sequential) matches(out outcome) bool {
	return out.state == nil || out.state.Value == s.value && len(out.state.Tokens) == s.seq
}

// first is the outcome of the command that used an ID up.
type first struct {
	token string
	after sequential
}

func (s sequential) used(id string) (f first, ok bool) {
	_, rest, ok := strings.Cut(s.ids+" ", " "+id+"=")
	if !ok || id == "" {
		return f, false
	}
	rest, _, _ = strings.Cut(rest, " ")
	f.token, rest, _ = strings.Cut(rest, "@")
	if _, err := fmt.Sscanf(rest, "%d:%d", &f.after.seq, &f.after.value); err != nil {
		panic(err)
	}
	return f, true
}

// repeats reports whether the outcome is the first one's.
func (f first) repeats(o *op, out outcome) bool {
	switch {
	case out.class == unknown:
		return true
	case f.token != o.token:
		return out.class == reused
	}
	return out.class == acked && f.after.matches(out)
}

// judgeOrder asks whether the operations on an aggregate could have happened one at a time (law 3).
// What became of those without an answer is known from the log by now.
func (w *world) judgeOrder(i int, h *history) {
	var ops []porcupine.Operation
	doubt, uncertain := map[string]bool{}, map[*op]bool{}
	for _, o := range w.ops {
		uncertain[o] = o.aggregate == i && w.uncertain(o, h) // before any outcome says that an operation never returned
	}
	for _, o := range w.ops {
		if o.aggregate == i && o.counts(h) {
			vague := uncertain[o]
			if vague && !o.there(h) {
				continue
			}
			if out := o.class(); out == unknown || out == excused || vague {
				// Of several attempts at one command, the earliest can have been carried
				// out whenever any of the others can.
				if doubt[o.token] {
					continue
				}
				doubt[o.token] = true
			}
			out := o.outcome(h, vague)
			ops = append(ops, porcupine.Operation{ClientId: o.number, Input: o, Output: out, Call: int64(o.invoked), Return: int64(o.returned)})
		}
	}

	switch porcupine.CheckOperationsTimeout(model, ops, time.Minute) {
	case porcupine.Illegal:
		w.violate(3, "a%d: no order of the operations explains their answers", i)
		w.describe(i, ops)
	case porcupine.Unknown:
		w.violate(3, "a%d: whether an order explains the answers could not be found out", i)
	}
}

// counts reports whether the operation says anything about the order.
func (o *op) counts(h *history) bool {
	if o.Type == "fail" && o.evaluates() {
		return false
	}
	switch o.class() {
	case excused:
		// A command that changes nothing may have left the record of its ID all the same: a
		// shared commit of such records alone is sent one by one if in doubt.
		return h.uses(o.ID) && o.Type == "raise"
	case unknown:
		if !o.evaluates() {
			return false
		}
		return o.there(h) || h.uses(o.ID) && o.Type == "raise"
	}
	return o.evaluates() || o.kind == opFetch || o.kind == opCall
}

// there reports whether the log has the command.
func (o *op) there(h *history) bool {
	return o.evaluates() && slices.ContainsFunc(h.tokens, func(token string) bool { return commandOf(token) == o.token })
}

// outcome is what the caller learned; of a vague answer only what the log tells.
func (o *op) outcome(h *history, vague bool) outcome {
	out := outcome{class: o.class(), events: -1, state: o.state, record: -1}
	if last, used := h.used[o.ID]; used {
		out.record = int(last)
	}
	out.place = slices.IndexFunc(h.tokens, func(token string) bool { return commandOf(token) == o.token })
	if out.class == unknown || out.class == excused || vague {
		o.returned, out.state, out.class = never, nil, unknown
		return out
	}
	if (o.kind == opEvents || o.kind == opTransact && o.pair.runs == 1) && out.class == acked { // it may be the first run that is stored
		out.events = len(o.events)
	}
	var mismatch *aggregate.UnexpectedSequenceError
	if errors.As(o.err, &mismatch) {
		out.actual = int(mismatch.Actual)
	}
	return out
}

// describe writes down what the model was given, for who looks for a reason.
func (w *world) describe(i int, ops []porcupine.Operation) {
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	for _, o := range ops {
		w.note("a%d %d-%d %s", i, o.Call, o.Return, model.DescribeOperation(o.Input, o.Output))
	}
	for n, o := range ops {
		rest := slices.Delete(slices.Clone(ops), n, n+1)
		if porcupine.CheckOperationsTimeout(model, rest, time.Minute) == porcupine.Ok {
			w.note("a%d without this one there is an order: %v", i, o.Input)
		}
	}
	w.note("a%d log: %s", i, strings.Join(w.histories[i].tokens, " "))
}
