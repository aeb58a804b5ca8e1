package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// transfer changes two aggregates, in whichever order, in one transaction. The journal has it as
// two commands that belong together. One with ids is sent again until its outcome is known.
func (w *writer) transfer(rng *rand.Rand) {
	pair := fmt.Sprintf("%s-%d", w.Name, w.tokens.Add(1))
	by := 1 + rng.IntN(30)
	period, from := w.Field.period(), rng.IntN(w.Field.Size)
	to := (from + 1 + rng.IntN(w.Field.Size-1)) % w.Field.Size
	asked := [2]entry{
		{Kind: "asked", Period: period, Index: from, Pair: pair, request: request{Token: pair + "-a", By: -by, Parts: 1}},
		{Kind: "asked", Period: period, Index: to, Pair: pair, request: request{Token: pair + "-b", By: by, Parts: 1}},
	}
	repeats := 1
	if rng.IntN(3) == 0 {
		asked[0].ID, asked[1].ID, repeats = pair+"-a", pair+"-b", 6
	}
	for range repeats {
		switch w.transact(rng, asked) {
		case unknown, unavailable, ended:
			if w.stopped(0) {
				return
			}
		default:
			return
		}
	}
}

// transact makes one attempt at a transfer.
func (w *writer) transact(rng *rand.Rand, asked [2]entry) (class string) {
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	own := rng.IntN(4) == 0
	if own {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.Int64N(int64(3*time.Second))))
	}
	defer cancel()
	for i := range asked {
		asked[i].Op, asked[i].At = int(w.ops.Add(1)), now()
		must(w.journal.write(asked[i]))
	}
	runs := 0
	err := w.sup.Transact(ctx, func(ctx context.Context, tx store.Tx) error {
		if runs++; runs > 1 {
			w.paths.add(pathTxRepeated)
		}
		for _, e := range asked {
			root, id := w.roots[rootOf(e.Index)], w.Field.id(e.Period, e.Index)
			if _, err := root.EvaluateTx(ctx, tx, types.Command{AggregateID: id, Type: "change", Data: e.request, ID: e.ID}); err != nil {
				return err
			}
		}
		return nil
	})
	class = classOf(err, own && ctx.Err() != nil)
	noted, text := class, ""
	switch class {
	case acked:
		w.paths.add(pathTransactions)
	case rejected:
		noted = ended // one of the two refused, and no order says which
		fallthrough
	default:
		text = err.Error()
	}
	for _, e := range asked {
		told := entry{Kind: "told", Op: e.Op, At: now(), Period: e.Period, Index: e.Index, Class: noted, Err: text}
		// One of the aggregates is named: what became of it became of both.
		if u := (*aggregate.OutcomeUnknownError)(nil); errors.As(err, &u) && u.AggregateID == w.Field.id(e.Period, e.Index) {
			for _, t := range u.Timestamps {
				told.Stamps = append(told.Stamps, t.String())
			}
		}
		must(w.journal.write(told))
	}
	return class
}
