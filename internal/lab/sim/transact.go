package sim

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// pair is a transaction of two commands, each an operation of its own: they have one answer, and
// are in the log both or not at all.
type pair struct {
	halves [2]*op
	failed int // which of them was refused; -1: none
	runs   int
}

// opTransact is the kind of both halves.
const opTransact = "transact"

// newPair makes up a transaction of two aggregates, or repeats one that has command IDs.
func (w *world) newPair() *pair {
	if len(w.pairs) > 0 && w.rng.IntN(6) == 0 {
		old := one(w.rng, w.pairs...)
		return pairOf(old[0], old[1])
	}
	first := w.some()
	second := (first + 1 + w.rng.IntN(len(w.ids)-1)) % len(w.ids)
	commands := [2]command{w.newCommand(first), w.newCommand(second)}
	named := w.rng.IntN(3) == 0
	for i := range commands {
		c := &commands[i]
		c.token = fmt.Sprintf("p%d%c", len(w.ops), 'x'+rune(i))
		switch data := c.Data.(type) {
		case add:
			data.Token = c.token
			c.Data = data
		case raise:
			data.Token = c.token
			c.Data = data
		case fail:
			data.Token = c.token
			c.Data, named = data, false
		}
	}
	if named {
		for i := range commands {
			commands[i].ID = "id" + commands[i].token
		}
		w.commands = append(w.commands, commands[:]...)
		w.pairs = append(w.pairs, commands)
	}
	return pairOf(commands[0], commands[1])
}

func pairOf(a, b command) *pair {
	p := &pair{failed: -1}
	for i, c := range []command{a, b} {
		p.halves[i] = &op{kind: opTransact, aggregate: c.aggregate, command: c, pair: p, half: i}
	}
	return p
}

// beginPair starts a transaction.
func (w *world) beginPair(p *pair) {
	first, second := w.draw(p.halves[0]), p.halves[1]
	if first.ctx == nil {
		first.ctx, first.cancel = context.WithCancel(background)
	}
	w.tick++
	for i, o := range p.halves {
		o.number, o.AggregateID, o.invoked = len(w.ops), w.ids[o.aggregate], w.tick
		o.life, o.hasty = first.life, first.hasty
		w.ops = append(w.ops, o)
		w.open++
		w.note("%v, half %d", o, i)
	}
	first.ctx = context.WithValue(first.ctx, asking{}, first)
	second.ctx, second.cancel = first.ctx, first.cancel
	go func() {
		p.run(w)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.finished = append(w.finished, first, second)
	}()
	w.collect()
}

// run carries the transaction out, and gives both halves their answer.
func (p *pair) run(w *world) {
	first := p.halves[0]
	defer first.cancel()
	err := first.life.sup.Transact(first.ctx, func(ctx context.Context, tx store.Tx) error {
		p.runs++
		p.failed = -1
		for i, o := range p.halves {
			root := o.life.roots[w.root(o.aggregate)]
			if o.events, o.err = root.EvaluateTx(ctx, tx, o.Command); o.err != nil {
				p.failed = i
				return o.err
			}
			o.events = slices.Clone(o.events)
		}
		return nil
	})
	for _, o := range p.halves {
		if o.err = err; err != nil {
			o.events = nil
		}
		o.checkEvents()
	}
}

// takenBack reports whether the operation is the half of a transaction whose other half was
// refused, by its handler or in the end.
func (o *op) takenBack() bool {
	return o.pair != nil && (o.pair.failed >= 0 && o.pair.failed != o.half || o.pair.halves[1-o.half].Type == "fail")
}

// judgePairs looks for transactions that are in the log by half (law 5).
func (w *world) judgePairs(where map[string][]int) {
	for _, o := range w.ops {
		if o.pair == nil || o.half != 0 {
			continue
		}
		stored := 0
		for _, half := range o.pair.halves {
			if half.Type != "add" {
				stored = -1 // a raise may come to nothing
				break
			}
			if len(where[half.token]) > 0 {
				stored++
			}
		}
		if stored == 1 {
			w.violate(5, "%v: half of a transaction is in the log", o)
		}
	}
}

// txSeam is a seam whose store begins transactions.
type txSeam struct{ *seam }

// BeginTx sends nothing, so it is no call.
func (s txSeam) BeginTx(ctx context.Context) (store.OwnTx, error) {
	tx, err := s.store().(store.Transactor).BeginTx(ctx)
	return &seamTx{OwnTx: tx, seam: s}, err
}

// seamTx is a transaction as one life of a node sees it: every round trip is a call.
type seamTx struct {
	store.OwnTx
	seam   txSeam
	id     hlc.Timestamp // of the first aggregate
	staged []store.Commit
}

func (tx *seamTx) Base() store.Adapter { return tx.seam }

func (tx *seamTx) of(id hlc.Timestamp) hlc.Timestamp {
	if tx.id.IsZero() {
		tx.id = id
	}
	return id
}

// Lock is a call.
func (tx *seamTx) Lock(ctx context.Context, id hlc.Timestamp, from types.Sequence) (events []types.Event, more bool, _ error) {
	err := tx.seam.call(ctx, tx.of(id), "lock", false, func(logged) (err error) {
		events, more, err = tx.OwnTx.Lock(ctx, id, from)
		tx.seam.life.w.show(events...)
		return err
	})
	return events, more, err
}

// Stage sends nothing.
func (tx *seamTx) Stage(c store.Commit) error {
	tx.of(c.AggregateID)
	tx.staged = append(tx.staged, c)
	return tx.OwnTx.Stage(c)
}

// Send is a call.
func (tx *seamTx) Send(ctx context.Context) error {
	return tx.seam.call(ctx, tx.id, "send", false, func(logged) error { return tx.seam.life.w.showRefused(tx.OwnTx.Send(ctx)) })
}

// End is a call that is seen through.
func (tx *seamTx) End(ctx context.Context) error {
	return tx.seam.call(ctx, tx.id, "end", true, func(logged) error {
		err := tx.OwnTx.End(ctx)
		if err == nil {
			for _, c := range tx.staged {
				tx.seam.life.w.show(c.Events...)
			}
		}
		return tx.seam.life.w.showRefused(err)
	})
}

// Load is one call for the whole loop.
func (tx *seamTx) Load(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[store.Entry, error] {
	return whole(ctx, tx.seam.seam, id, "tx load", func(logged) iter.Seq2[store.Entry, error] { return tx.OwnTx.Load(ctx, id, r) })
}

// Events is one call for the whole loop.
func (tx *seamTx) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return whole(ctx, tx.seam.seam, id, fmt.Sprintf("tx events %d", r.After), func(logged) iter.Seq2[types.Event, error] { return tx.OwnTx.Events(ctx, id, r) })
}

// LookupCommand is a call.
func (tx *seamTx) LookupCommand(ctx context.Context, id hlc.Timestamp, command string) (record *store.CommandRecord, _ error) {
	err := tx.seam.call(ctx, id, "tx lookup "+command, false, func(logged) (err error) {
		record, err = tx.OwnTx.(store.CommandLog).LookupCommand(ctx, id, command)
		return err
	})
	return record, err
}

// PruneCommands is not used by the library itself.
func (tx *seamTx) PruneCommands(context.Context, time.Time) (int64, error) {
	return 0, errors.ErrUnsupported
}
