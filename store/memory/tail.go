package memory

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/eventmaestro/maestro/internal/tail"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// TailOptions of a Tail; see postgres.TailOptions. The Name is required.
type TailOptions struct {
	Name       string
	Types      []string                     // the events that are handed out; empty means all
	Of         int                          // up to 64; changes nothing here, see Tail.Run
	MaxBatch   int                          // events a call; 0 means 1000
	Poll       time.Duration                // the pause when there is nothing to do; 0 means 10 ms
	MaxBackoff time.Duration                // bounds the pause after a failure; 0 means a second
	Failed     func(err error, attempt int) // is told of failures; nil means nobody
}

// Tail is postgres.Tail for tests: it hands out every committed event once and in the order of its
// aggregate, and what its function writes into tables is kept with the place. Make it with NewTail;
// it is safe for concurrent use.
type Tail struct {
	store *Store
	o     tail.Options
}

// TailFunc gets a batch of events, those of an aggregate together and in order. An error or a panic
// takes back what it wrote through tx, and the same batch comes again. It must not make a commit
// with projections to the same store, nor wait for somebody who does.
type TailFunc func(ctx context.Context, tx *ProjectionTx, events []types.Event) error

// place is how far a tail is: a row of a table.
type place struct {
	types     []string
	next      int // the first event of the log that it has not looked at
	delivered int64
	saved     time.Time
}

// NewTail returns a tail of s. Its error is a *[types.OptionsError].
func NewTail(s *Store, o *TailOptions) (*Tail, error) {
	if s == nil {
		return nil, errors.New("memory: the store is nil: give NewTail a *Store")
	}
	if o == nil {
		o = &TailOptions{}
	}
	full, err := tail.Options(*o).Complete("memory", tail.Options{
		MaxBatch: 1000, Poll: 10 * time.Millisecond, MaxBackoff: time.Second,
		Failed: func(error, int) {},
	})
	if err != nil {
		return nil, err
	}
	return &Tail{s, full}, nil
}

// Run hands out events until ctx ends, whose error it returns, or until the tail refuses to work,
// by a *[store.TailError]. Batches are handed out one after the other, whatever Of says, and none
// while a transaction with projections is open.
func (t *Tail) Run(ctx context.Context, f TailFunc) error {
	if f == nil {
		return errors.New("memory: the function is nil: give Run one")
	}
	loop, limit := tail.Loop{Options: t.o}, 0
	return loop.Run(ctx, func(ctx context.Context) (bool, error) { return t.step(ctx, &limit, f) })
}

// step hands out a batch, and reports whether there may be more. All events of a batch are before
// the limit, so that the same ones come again if it fails. The limit rises once the place has
// reached it.
func (t *Tail) step(ctx context.Context, limit *int, f TailFunc) (more bool, err error) {
	p, begun := t.store.tails.Get(t.o.Name)
	if end := t.store.length(); p.next >= *limit || *limit > end {
		*limit = end
	}
	if begun && slices.Equal(p.types, t.o.Types) && p.next >= *limit {
		return false, nil
	}
	return true, t.move(ctx, func(p *place, tables *ProjectionTx) error {
		var events []types.Event
		events, p.next = t.behind(p.next, *limit, t.o.MaxBatch)
		if len(events) == 0 {
			return nil
		}
		p.delivered += int64(len(events))
		p.saved = time.Now()
		return guarded(func() error { return f(ctx, tables, events) })
	})
}

// move changes the tail's place in a transaction, with what f writes into tables. It makes the
// place where there is none.
func (t *Tail) move(ctx context.Context, f func(p *place, tables *ProjectionTx) error) error {
	tx := t.store.begin()
	defer tx.Abort(ctx)
	tables, err := tx.Tables(ctx)
	if err != nil {
		return err
	}
	rows := t.store.tails.In(tables)
	p, ok := rows.Get(t.o.Name)
	if !ok {
		p.types = t.o.Types
	}
	if !slices.Equal(p.types, t.o.Types) {
		return &store.TailError{Tail: t.o.Name, Reason: store.TailOtherTypes, Remedy: fmt.Sprintf(
			"the name is in use with the types [%s], not [%s]: choose another name",
			strings.Join(p.types, " "), strings.Join(t.o.Types, " "))}
	}
	if err := f(&p, tables); err != nil {
		return err
	}
	rows.Put(t.o.Name, p)
	return tx.End(ctx)
}

// length is how many events are in the log.
func (s *Store) length() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept.log)
}

// behind returns the next events of the log, those of an aggregate together, and where it ended.
func (t *Tail) behind(next, limit, most int) ([]types.Event, int) {
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []types.Event
	for limit = min(limit, len(s.kept.log)); next < limit && len(events) < most; next++ {
		at := s.kept.log[next]
		e := s.kept.events[at.aggregate][at.sequence-1]
		if len(t.o.Types) == 0 || slices.Contains(t.o.Types, e.Type) {
			events = append(events, own(*e))
		}
	}
	slices.SortStableFunc(events, func(a, b types.Event) int { return a.AggregateID.Compare(b.AggregateID) })
	return events, next
}

// Progress counts what is committed and not handed out yet.
func (t *Tail) Progress(ctx context.Context) (store.TailProgress, error) {
	p, _ := t.store.tails.Get(t.o.Name)
	behind, _ := t.behind(p.next, math.MaxInt, math.MaxInt)
	progress := store.TailProgress{Delivered: p.delivered, Events: int64(len(behind)), SavedAt: p.saved}
	for _, e := range behind {
		progress.Behind = max(progress.Behind, time.Since(e.Timestamp.Time()))
	}
	return progress, ended(ctx, "tail "+t.o.Name+": progress")
}

// Rewind makes the tail hand out again all events from a time on, and what was committed behind the
// first of them, or with the zero time everything; it never goes forward. It waits for a batch that
// is under way. with writes in the transaction that does it; it may be nil.
func (t *Tail) Rewind(ctx context.Context, to time.Time, with func(ctx context.Context, tx *ProjectionTx) error) error {
	err := t.move(ctx, func(p *place, tables *ProjectionTx) error {
		if with != nil {
			if err := with(ctx, tables); err != nil {
				return err
			}
		}
		p.next = t.since(p.next, to)
		return nil
	})
	if err != nil {
		return fmt.Errorf("memory: tail %s: rewind: %w", t.o.Name, err)
	}
	return nil
}

// since returns the place of the first event of a time or later, at most next.
func (t *Tail) since(next int, to time.Time) int {
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, at := range s.kept.log[:min(next, len(s.kept.log))] {
		if !s.kept.events[at.aggregate][at.sequence-1].Timestamp.Time().Before(to) {
			return i
		}
	}
	return next
}
