package sim

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/eventmaestro/maestro/store/storetest"
	"github.com/eventmaestro/maestro/types"
)

// judge compares the whole run with the laws.
func (w *world) judge() {
	if len(w.histories) != len(w.ids) {
		return // that it did not come to an end is a violation already
	}
	where := map[string][]int{} // command token → places in the log of its aggregate
	for i := range w.histories {
		h := &w.histories[i]
		w.judgeLog(i, h)
		for at, token := range h.tokens {
			where[commandOf(token)] = append(where[commandOf(token)], at)
		}
	}
	doubtful := w.doubtful()
	for _, o := range w.ops {
		if o.evaluates() {
			w.judgeCommand(o, where[o.token], doubtful[o.token])
		}
		w.judgeState(o)
	}
	w.judgePairs(where)
	for i := range w.histories {
		w.judgeOrder(i, &w.histories[i])
	}
	w.judgeTail()
}

// judgeLog looks at the log alone: laws 1, 4, 5 and 10.
func (w *world) judgeLog(i int, h *history) {
	value := 0
	for n, e := range h.events {
		if e.Sequence != types.Sequence(n+1) {
			w.violate(1, "a%d: sequence %d comes at place %d", i, e.Sequence, n+1)
		}
		if n > 0 && !h.events[n-1].Timestamp.Before(e.Timestamp) {
			w.violate(10, "a%d: timestamp %v at sequence %d is not after %v", i, e.Timestamp, n+1, h.events[n-1].Timestamp)
		}
		var body note
		if err := json.Unmarshal(e.Body, &body); err != nil || !slices.Contains([]string{"added", "raised"}, e.Type) {
			w.violate(4, "a%d: an event that can't be applied: %s %s", i, e.Type, e.Body)
			continue
		}
		if slices.Contains(h.tokens, body.Token) {
			w.violate(2, "a%d: %s is in the log twice", i, body.Token)
		}
		h.tokens = append(h.tokens, body.Token)
		value = advance(value, body.Token)
	}
	if want := (row{types.Sequence(len(h.events)), value}); w.root(i) == 1 && h.projected != want {
		w.violate(5, "a%d: the projection has %+v, the log %+v", i, h.projected, want)
	}
}

// doubtful tells of which tokens some operation does not know the outcome, or had success.
func (w *world) doubtful() map[string]int {
	n := map[string]int{}
	for _, o := range w.ops {
		if c := o.class(); c == acked || c == unknown {
			n[o.token]++
		}
	}
	return n
}

// judgeCommand compares a caller's answer with the log: laws 2, 4, 5 and 9.
func (w *world) judgeCommand(o *op, places []int, doubtful int) {
	for i := range places {
		if places[i] != places[0]+i {
			w.violate(5, "%v: its events are not together: %v", o, places)
		}
	}
	if len(places) != 0 && len(places) != o.parts {
		w.violate(5, "%v: %d of %d events are in the log", o, len(places), o.parts)
	}
	c := o.class()
	switch {
	case o.Type == "fail" && (c == acked || len(places) > 0):
		w.violate(4, "%v: %v, and %d events in the log", o, c, len(places))
	case c == acked && o.Type == "add" && len(places) == 0 && !w.lost(o):
		w.violate(2, "%v was acknowledged and is not in the log", o)
	case c != acked && c != unknown && doubtful == 0 && len(places) > 0:
		w.violate(2, "%v failed (%v) and is in the log", o, o.err)
	case c == unknown && o.found != nil && *o.found != len(places) && o.ID == "" && !w.scene.sharedIDs:
		w.violate(2, "%v: lookup found %d events, the log has %d", o, *o.found, len(places))
	case c == excused && !o.excusable():
		w.violate(9, "%v failed without a fault of its own: %v", o, o.err)
	}
}

// excusable reports whether a definite failure is one that this operation can have.
func (o *op) excusable() bool {
	how := ""
	if f, ok := o.Data.(fail); ok {
		how = f.How
	}
	switch reason := o.reason(); reason {
	case "mailbox full", "canceled":
		return o.hasty
	case "closed":
		return o.life.stopping.Load()
	case "retries spent", "deadline":
		return true // the gate holds reads up for as long as it likes
	case "taken back":
		return true
	case "unavailable":
		// A transaction keeps others waiting for its locks, and is lost where the store went back.
		return o.life.w.scene.trouble > 0 || o.life.w.scene.hurried || o.life.w.scene.transacts
	case "projection":
		return how == failProjection
	case "event":
		return how == failUnknown || how == failApply || how == failApplyPanic
	case "invalid":
		return how == failBody
	case "panic":
		return how == failPanic || errors.Is(o.err, storetest.ErrInjected)
	}
	return false
}

// judgeState checks that a state which somebody was given is one that the aggregate had (law 3).
func (w *world) judgeState(o *op) {
	if o.state == nil || o.crashed {
		return
	}
	tokens := w.histories[o.aggregate].tokens
	if (len(o.state.Tokens) > len(tokens) || !slices.Equal(o.state.Tokens, tokens[:len(o.state.Tokens)])) && !w.bygone(o, o.state.Tokens) {
		w.violate(3, "%v was given a state that never was: %s, log %s", o,
			strings.Join(o.state.Tokens, " "), strings.Join(tokens, " "))
	}
	if o.kind == opReplay && o.seq > o.at {
		w.violate(3, "%v was given sequence %d", o, o.seq)
	}
}
