package sim

import (
	"context"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// torn is a store whose transactions have one defect.
type torn struct {
	*broken
	stage func(tx tornTx, c store.Commit) error
	end   func(tx tornTx, ctx context.Context) error
}

func (b torn) BeginTx(ctx context.Context) (store.OwnTx, error) {
	tx, err := b.logged.(store.Transactor).BeginTx(ctx)
	return tornTx{tx, b}, err
}

type tornTx struct {
	store.OwnTx
	b torn
}

func (tx tornTx) LookupCommand(ctx context.Context, id hlc.Timestamp, command string) (*store.CommandRecord, error) {
	return tx.OwnTx.(store.CommandLog).LookupCommand(ctx, id, command)
}

func (tx tornTx) PruneCommands(ctx context.Context, t time.Time) (int64, error) {
	return tx.OwnTx.(store.CommandLog).PruneCommands(ctx, t)
}

func (tx tornTx) Stage(c store.Commit) error {
	if tx.b.stage != nil && tx.b.nowAndThen() {
		return tx.b.stage(tx, c)
	}
	return tx.OwnTx.Stage(c)
}

func (tx tornTx) End(ctx context.Context) error {
	if tx.b.end != nil && tx.b.nowAndThen() {
		return tx.b.end(tx, ctx)
	}
	return tx.OwnTx.End(ctx)
}

func transactions(t torn) sabotage {
	return sabotage{wrap: func(w *world, s logged) logged {
		t.broken = &broken{logged: s, w: w}
		return t
	}}
}

// tornWorlds are those in which a law does not hold for transactions.
var tornWorlds = []brokenWorld{
	{"half of a transaction is stored", 5, transactions(torn{stage: func(tornTx, store.Commit) error { return nil }})},
	{"an acknowledged transaction is not stored", 2, transactions(torn{end: func(tx tornTx, ctx context.Context) error {
		tx.Abort(ctx)
		return nil
	}})},
	{"a transaction that failed is stored", 2, transactions(torn{end: func(tx tornTx, ctx context.Context) error {
		if err := tx.OwnTx.End(ctx); err != nil {
			return err
		}
		return store.ErrUnavailable
	}})},
}
