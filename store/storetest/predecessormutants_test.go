package storetest

import (
	"context"
	"errors"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
)

// committing makes an adapter, and transactions, whose commits are changed.
func committing(change func(ctx context.Context, c store.Commit, commit func(context.Context, store.Commit) error) error) func() *broken {
	return func() *broken {
		return &broken{
			project: func(ctx context.Context, s *memory.Store, c store.Commit) error {
				return change(ctx, unwrap(c), s.Commit)
			},
			begin: func(b *broken) Transaction {
				tx := b.transaction()
				tx.Adapter = changed{tx.Adapter, change}
				return tx
			},
			own: func(_ *broken, tx store.OwnTx) store.OwnTx { return changedOwn{tx, change} },
		}
	}
}

type changed struct {
	store.Tx
	change func(ctx context.Context, c store.Commit, commit func(context.Context, store.Commit) error) error
}

func (tx changed) Commit(ctx context.Context, c store.Commit) error {
	return tx.change(ctx, unwrap(c), tx.Tx.Commit)
}

type changedOwn struct {
	store.OwnTx
	change func(ctx context.Context, c store.Commit, commit func(context.Context, store.Commit) error) error
}

func (tx changedOwn) Commit(ctx context.Context, c store.Commit) error {
	return tx.change(ctx, unwrap(c), tx.OwnTx.Commit)
}

type commitFunc = func(context.Context, store.Commit) error

var predecessorMutants = []mutant{
	{"the timestamp of the predecessor is ignored", committing(func(ctx context.Context, c store.Commit, commit commitFunc) error {
		c.Predecessor = hlc.Timestamp{}
		return commit(ctx, c)
	}), "a commit behind an event with another timestamp is refused"},

	{"what a record was decided on is ignored", committing(func(ctx context.Context, c store.Commit, commit commitFunc) error {
		if len(c.Events) == 0 {
			c.Predecessor = hlc.Timestamp{}
		}
		return commit(ctx, c)
	}), "a command that was decided on an event that is not in the log uses no command ID"},

	{"a missing predecessor is reported as success", committing(func(ctx context.Context, c store.Commit, commit commitFunc) error {
		return ignore(commit(ctx, c), store.ErrNoPredecessor)
	}), "commits without their predecessor fail alone among others that run at the same moment"},

	{"a missing predecessor is a conflict", committing(func(ctx context.Context, c store.Commit, commit commitFunc) error {
		err := commit(ctx, c)
		if errors.Is(err, store.ErrNoPredecessor) {
			return store.ErrConflict
		}
		return err
	}), "a gap before the first event is refused"},

	{"a missing predecessor is not named", committing(func(ctx context.Context, c store.Commit, commit commitFunc) error {
		err := commit(ctx, c)
		if errors.Is(err, store.ErrNoPredecessor) {
			return store.ErrNoPredecessor
		}
		return err
	}), "a gap before the first event is refused"},

	{"a predecessor has to be named", committing(func(ctx context.Context, c store.Commit, commit commitFunc) error {
		if len(c.Events) > 0 && c.Events[0].Sequence > 1 && c.Predecessor.IsZero() {
			return &store.PredecessorError{AggregateID: c.AggregateID, Sequence: c.Events[0].Sequence - 1}
		}
		return commit(ctx, c)
	}), "a commit behind its predecessor is stored, whether it names it or not"},

	{"the first event has to have a predecessor, if one is named", committing(func(ctx context.Context, c store.Commit, commit commitFunc) error {
		if len(c.Events) > 0 && c.Events[0].Sequence == 1 && !c.Predecessor.IsZero() {
			return &store.PredecessorError{AggregateID: c.AggregateID}
		}
		return commit(ctx, c)
	}), "a predecessor means nothing where the events begin with sequence 1"},

	{"a missing predecessor is told before a conflict", committing(func(ctx context.Context, c store.Commit, commit commitFunc) error {
		err := commit(ctx, c)
		if errors.Is(err, store.ErrConflict) && !c.Predecessor.IsZero() {
			return &store.PredecessorError{AggregateID: c.AggregateID, Sequence: c.Events[0].Sequence - 1, Timestamp: c.Predecessor}
		}
		return err
	}), "a conflict is told before a missing predecessor"},

	{"a conflict brings along what is after the predecessor", committing(func(ctx context.Context, c store.Commit, commit commitFunc) error {
		err := commit(ctx, c)
		if conflict := (*store.ConflictError)(nil); errors.As(err, &conflict) {
			conflict.Events = conflict.Events[min(1, len(conflict.Events)):]
		}
		return err
	}), "what a conflict brings along is the log from the predecessor on"},

	{"a conflict brings along the beginning and keeps quiet about the rest", committing(func(ctx context.Context, c store.Commit, commit commitFunc) error {
		err := commit(ctx, c)
		if conflict := (*store.ConflictError)(nil); errors.As(err, &conflict) {
			conflict.More = false
		}
		return err
	}), "what a conflict brings along may be the beginning of much"},

	{"a gap uses the command ID", committing(func(ctx context.Context, c store.Commit, commit commitFunc) error {
		err := commit(ctx, c)
		if errors.Is(err, store.ErrNoPredecessor) && len(c.Commands) > 0 {
			_ = commit(ctx, store.Commit{AggregateID: c.AggregateID, Commands: c.Commands})
		}
		return err
	}), "a commit behind a gap uses no command ID"},

	{"what was in the log is remembered when it went back", func() *broken {
		return &broken{goBack: func(*memory.Store) func() { return func() {} }}
	}, "a commit behind events that the log has lost is refused"},
}
