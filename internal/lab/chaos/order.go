package main

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// register is what the model of one aggregate remembers.
type register struct{ value, events int }

// attempt is a command, or a read, and what its caller learned of it.
type attempt struct {
	request
	read     bool
	place    int // of its first event in the log, or -1
	told     *counter
	rejected bool
}

var model = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, input, _ any) (bool, any) { return state.(register).step(input.(*attempt)) },
}

// step reports whether the attempt could have had its outcome here, and what follows.
func (s register) step(a *attempt) (bool, any) {
	next := s
	if !a.read {
		events, ok := a.decide(s.value)
		switch {
		case ok == a.rejected, len(events) > 0 && a.place != s.events:
			return false, s
		}
		for _, e := range events {
			c := counter{Value: next.value, Events: next.events}.after(e)
			next = register{c.Value, c.Events}
		}
	}
	return a.told == nil || *a.told == counter{next.value, next.events, a.told.Digest}, next
}

// never is when an operation returned of whose end nobody knows.
const never = 1 << 62

// operations are those of each aggregate. The attempts at one command with an id count as one
// operation that took from the first of them to the answer.
func operations(r *record) map[[2]int][]porcupine.Operation {
	merged := map[string]*porcupine.Operation{}
	doubted := map[string]int64{} // by id: when the first attempt began of whose outcome nobody knows
	all := map[[2]int][]porcupine.Operation{}
	for _, o := range r.ops {
		if id := o.asked.ID; id != "" && o.class() == unknown && (doubted[id] == 0 || o.asked.At < doubted[id]) {
			doubted[id] = o.asked.At
		}
		p, ok := o.operation(r)
		if !ok {
			continue
		}
		if o.asked.ID == "" {
			all[o.place()] = append(all[o.place()], p)
			continue
		}
		m := merged[o.asked.ID]
		if m == nil {
			merged[o.asked.ID] = &p
			continue
		}
		m.Call = min(m.Call, p.Call)
		if p.Return != never { // whenever it happened, it was before the answer that told of it
			a, b := m.Input.(*attempt), p.Input.(*attempt)
			m.Return, a.told, a.rejected = p.Return, b.told, b.rejected
		}
	}
	for _, o := range r.ops {
		if m := merged[o.asked.ID]; m != nil {
			if at := doubted[o.asked.ID]; at != 0 { // it can have been that one, also if it changed nothing
				m.Call = min(m.Call, at)
			}
			all[o.place()] = append(all[o.place()], *m)
			delete(merged, o.asked.ID)
		}
	}
	return all
}

// operation is what o says about the order, if it says anything.
func (o *op) operation(r *record) (p porcupine.Operation, ok bool) {
	a := &attempt{request: o.asked.request, read: o.asked.Read, place: -1}
	if h := r.logs[o.place()]; h != nil {
		if at, there := h.where[a.Token]; there && a.Token != "" {
			a.place = at
		}
	}
	p = porcupine.Operation{Input: a, Call: o.asked.At, Return: never}
	switch o.class() {
	case acked:
		if o.excused(r) || o.replicationLost(r) {
			return p, false // it was true of a log that is no more
		}
		a.told, p.Return = o.told.State, o.told.At
	case rejected:
		if o.unsteady(r) {
			return p, false
		}
		a.rejected, p.Return = true, o.told.At
	case unknown:
		return p, !a.read && a.place >= 0
	default:
		return p, false
	}
	return p, true
}

// judgeOrder asks of every aggregate whether its operations could have happened one at a time.
func (v *verdict) judgeOrder(r *record) {
	var workers sync.WaitGroup
	var mu sync.Mutex
	all := operations(r)
	places := make(chan [2]int)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for place := range places {
				result := porcupine.CheckOperationsTimeout(model, all[place], time.Minute)
				mu.Lock()
				v.searched++
				if result != porcupine.Ok {
					v.find(&v.reordered, "%v: no order of %d operations explains their answers: %s\n%s",
						place, len(all[place]), result, stuck(all[place]))
				}
				mu.Unlock()
			}
		})
	}
	for place := range all {
		places <- place
	}
	close(places)
	workers.Wait()
}

// stuck describes where the longest order ends that explains some of the operations: the next of
// those that are left is what can't be explained.
func stuck(ops []porcupine.Operation) string {
	_, info := porcupine.CheckOperationsVerbose(model, ops, time.Minute)
	var longest []porcupine.Operation
	for _, orders := range info.PartialLinearizationsOperations() {
		for _, order := range orders {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	var state any = register{}
	done := map[any]bool{}
	for _, o := range longest {
		done[o.Input] = true
		_, state = model.Step(state, o.Input, o.Output)
	}
	left := slices.DeleteFunc(slices.Clone(ops), func(o porcupine.Operation) bool { return done[o.Input] })
	slices.SortFunc(left, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	text := fmt.Sprintf("    after %d operations: %+v; left:", len(longest), state)
	for _, o := range left[:min(len(left), 8)] {
		a := o.Input.(*attempt)
		text += fmt.Sprintf("\n    %d to %d: read %v %+v, rejected %v, told %+v, place %d", o.Call, o.Return, a.read, a.request, a.rejected, a.told, a.place)
	}
	return text
}
