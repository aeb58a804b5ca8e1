package storetest

import (
	"context"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// beginning makes an adapter whose transactions are changed.
func beginning(change func(b *broken, tx Transaction) Transaction) func() *broken {
	return func() *broken {
		return &broken{begin: func(b *broken) Transaction { return change(b, b.transaction()) }}
	}
}

// direct is a transaction that is none: it writes to its base.
type direct struct{ store.Adapter }

func (tx direct) Base() store.Adapter { return tx.Adapter }

// fragile is a transaction that ends with the first error, as that of a database does.
type fragile struct {
	store.Tx
	failed *error
}

func (tx fragile) Commit(ctx context.Context, c store.Commit) error {
	if *tx.failed == nil {
		*tx.failed = tx.Tx.Commit(ctx, c)
	}
	return *tx.failed
}

var txMutants = []mutant{
	{"a transaction writes to its base", beginning(func(b *broken, tx Transaction) Transaction {
		tx.Adapter = direct{b}
		return tx
	}), "a transaction sees what it stored and nobody else does"},

	{"a commit of a transaction forgets it", beginning(func(_ *broken, tx Transaction) Transaction {
		tx.Commit = tx.Rollback
		return tx
	}), "what a transaction stored is there after its commit"},

	{"a rollback of a transaction commits it", beginning(func(_ *broken, tx Transaction) Transaction {
		commit := tx.Commit
		tx.Rollback = func(ctx context.Context) error {
			_ = commit(ctx)
			return nil
		}
		return tx
	}), "a rollback leaves nothing"},

	{"an error ends the transaction", beginning(func(_ *broken, tx Transaction) Transaction {
		tx.Adapter = fragile{tx.Adapter, new(error)}
		return tx
	}), "a conflict leaves the transaction usable"},

	{"a transaction is its own base", beginning(func(_ *broken, tx Transaction) Transaction {
		tx.Adapter = inside{tx.Adapter.(inside).Tx, tx.Adapter}
		return tx
	}), "a transaction knows the adapter outside of it"},

	{"a transaction ignores projections", beginning(func(_ *broken, tx Transaction) Transaction {
		tx.Adapter = unprojected{tx.Adapter}
		return tx
	}), "a rollback undoes what projections wrote"},

	{"a snapshot in a transaction is lost", beginning(func(_ *broken, tx Transaction) Transaction {
		tx.Adapter = forgetful{tx.Adapter}
		return tx
	}), "a transaction's snapshot goes with it"},
}

type unprojected struct{ store.Tx }

func (tx unprojected) Commit(ctx context.Context, c store.Commit) error {
	return tx.Tx.Commit(ctx, bare(c))
}

type forgetful struct{ store.Tx }

func (tx forgetful) CommitSnapshot(context.Context, types.Snapshot) error { return nil }
