package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/eventmaestro/maestro/types"
)

// act does one thing, and lets a few of those at the gate go on.
func (w *world) act() {
	switch n := w.rng.IntN(100); {
	case n < 66 && w.scene.transacts && n%4 == 0:
		w.beginPair(w.newPair())
	case n < 66:
		w.begin(w.draw(w.evaluation()))
	case n < 82:
		w.begin(w.draw(w.reading()))
	case n < 85:
		w.cancelOne()
	case n < 88:
		w.restart()
	case n < 90 && w.scene.forgetful:
		w.turnBack()
	case n < 91:
		n := one(w.rng, w.nodes[:]...)
		n.skew.Store(int64(one(w.rng, 0, -3*time.Hour, -time.Second, time.Second, time.Hour)))
		w.note("clock of n%d: %v", n.index, time.Duration(n.skew.Load()))
	default:
		w.pass(1 + w.rng.IntN(6))
	}
	for range w.rng.IntN(6) {
		w.proceed()
	}
	if w.rng.IntN(8) == 0 {
		w.pass(1)
	}
}

// draw gives an operation a node and, sometimes, a context that ends.
func (w *world) draw(o *op) *op {
	o.life = w.nodes[w.rng.IntN(len(w.nodes))].life
	switch w.rng.IntN(4) {
	case 0:
		o.hasty = true
		o.ctx, o.cancel = context.WithTimeout(background, callerBound(1+w.rng.IntN(12), len(w.ops)))
	case 1:
		o.hasty = true
		o.ctx, o.cancel = context.WithCancel(background)
	}
	return o
}

// some returns an aggregate; small numbers are more likely, so that there are hot ones.
func (w *world) some() int {
	return min(w.rng.IntN(len(w.ids)), w.rng.IntN(len(w.ids)))
}

func (w *world) evaluation() *op {
	o := &op{kind: one(w.rng, opEvaluate, opEvents, opState)}
	if len(w.commands) > 0 && w.rng.IntN(8) == 0 {
		o.command = one(w.rng, w.commands...)
		if o.aggregate = o.command.aggregate; o.command.token[0] == 'p' {
			o.command = w.newCommand(o.aggregate) // a transaction is repeated as a whole, or not at all
		}
		return o
	}
	o.aggregate = w.some()
	o.command = w.newCommand(o.aggregate)
	if w.rng.IntN(7) == 0 {
		guess := types.Sequence(w.rng.IntN(4)) + w.latest(o.aggregate)
		o.Expected = &guess
	}
	if w.rng.IntN(4) == 0 && o.Type != "fail" {
		o.ID = "id" + o.token
		if len(w.commands) > 0 && w.rng.IntN(6) == 0 {
			o.ID = one(w.rng, w.commands...).ID // another command's, by mistake
		}
		w.commands = append(w.commands, o.command)
	}
	return o
}

// latest is the newest sequence of an aggregate that any answer told of, less one.
func (w *world) latest(aggregate int) (newest types.Sequence) {
	for _, o := range w.ops {
		if o.aggregate == aggregate && o.returned != 0 {
			newest = max(newest, o.seq-1)
		}
	}
	return newest
}

func (w *world) newCommand(aggregate int) command {
	r := w.rng
	c := command{aggregate: aggregate, token: fmt.Sprintf("t%d", len(w.ops)), parts: 1}
	yield := r.IntN(6) == 0
	switch n := r.IntN(10); {
	case n < 6:
		c.parts = one(r, 1, 1, 2, 3)
		c.Type, c.Data = "add", add{Token: c.token, By: amount(r), Parts: c.parts, Yield: yield}
	case n < 9:
		c.Type, c.Data = "raise", raise{Token: c.token, To: r.IntN(ceiling), Yield: yield}
	default:
		how := []string{failPanic, failUnknown, failBody, failApply, failApplyPanic}
		if w.root(aggregate) == 1 {
			how = append(how, failProjection, failProjection, failProjection)
		}
		c.Type, c.Data = "fail", fail{Token: c.token, How: one(r, how...)}
	}
	return c
}

func amount(r *rand.Rand) int { return one(r, 1, 2, 5, 9, -1, -3, -6, -9) }

func (w *world) reading() *op {
	o := &op{
		kind: one(w.rng, opGet, opFetch, opFetch, opCall, opReplay, opSnapshot), aggregate: w.some(),
		at: types.Sequence(w.rng.IntN(12)),
	}
	if o.kind == opSnapshot && w.scene.forgetful {
		o.kind = opFetch // see newScene
	}
	return o
}

// cancelOne ends the context of a caller that waits.
func (w *world) cancelOne() {
	var open []*op
	for _, o := range w.ops {
		if o.returned == 0 && o.hasty {
			open = append(open, o)
		}
	}
	if len(open) == 0 {
		return
	}
	o := one(w.rng, open...)
	w.note("cancel %v", o)
	o.cancel()
	w.collect()
}

// restart ends a node's life, well or badly, and begins its next.
func (w *world) restart() {
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	l := n.life
	if w.rng.IntN(3) == 0 {
		w.note("stop %s", l.name)
		l.stop()
		w.start(n) // as in a deployment, the old and the new one overlap
		w.collect()
		return
	}
	w.note("crash %s", l.name)
	for _, o := range w.ops {
		if o.life == l && o.returned == 0 {
			o.crashed, o.returned = true, never
			w.open--
			w.counts["crashed"]++
		}
	}
	l.crash()
	w.start(n)
	w.collect()
}
