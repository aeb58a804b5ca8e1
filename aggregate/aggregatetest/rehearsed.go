package aggregatetest

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// fixed is the clock of a story.
func fixed() time.Time { return Epoch }

// rehearsed refuses each transaction the first time that it would be stored, and compares it with
// the second.
type rehearsed struct {
	*memory.Store
	once bool

	rehearsals int
	first      []store.Commit // of the transaction that was refused
	faults     []string       // how the second one differed
	written    []hlc.Timestamp
}

// BeginTx begins a transaction that is watched.
func (r *rehearsed) BeginTx(ctx context.Context) (store.OwnTx, error) {
	tx, err := r.Store.BeginTx(ctx)
	return &rehearsal{OwnTx: tx, of: r}, err
}

type rehearsal struct {
	store.OwnTx
	of      *rehearsed
	commits []store.Commit
}

func (tx *rehearsal) Base() store.Adapter { return tx.of }

// Unwrap returns the transaction of the store in memory.
func (tx *rehearsal) Unwrap() store.Adapter { return tx.OwnTx }

// Stage notes what is to be stored.
func (tx *rehearsal) Stage(c store.Commit) error {
	tx.commits = append(tx.commits, c)
	tx.of.written = append(tx.of.written, c.AggregateID)
	return tx.OwnTx.Stage(c)
}

// End refuses the first attempt, as if another process had been at its aggregates.
func (tx *rehearsal) End(ctx context.Context) error {
	r := tx.of
	if r.once {
		return tx.OwnTx.End(ctx)
	}
	if r.rehearsals++; r.rehearsals%2 == 1 {
		r.first = tx.commits
		tx.Abort(ctx)
		return fmt.Errorf("%w: a rehearsal", store.ErrConflict)
	}
	r.compare(tx.commits)
	return tx.OwnTx.End(ctx)
}

// compare says how a second run differs from the first.
func (r *rehearsed) compare(second []store.Commit) {
	first, other := eventsIn(r.first), eventsIn(second)
	if len(first) != len(other) {
		r.faults = append(r.faults, fmt.Sprintf("the function led to other events when it was run again, as after a conflict\n    first %d: %s\n    then  %d: %s",
			len(first), list(typesOf(first)), len(other), list(typesOf(other))))
		return
	}
	for i, e := range other {
		want := types.NewEvent(first[i].Type, first[i].Body)
		if fault := compare(want, e); fault != "" || e.AggregateID != first[i].AggregateID {
			r.faults = append(r.faults, fmt.Sprintf("event %d is another when the function is run again, as after a conflict%s", i+1, fault))
		}
	}
}

func eventsIn(commits []store.Commit) (all []types.Event) {
	for _, c := range commits {
		all = append(all, c.Events...)
	}
	return all
}

func typesOf(events []types.Event) []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = e.Type
	}
	return names
}

func namesOf(events []types.Uncommitted) []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = e.Type
	}
	return names
}
