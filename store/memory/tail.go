package memory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// TailOptions of a Tail; see postgres.TailOptions. The Name is required.
type TailOptions struct {
	Name       string
	Types      []string                     // the events that are handed out; empty means all
	Of         int                          // how many share the events, up to 64; 0 means 1
	MaxBatch   int                          // events a call; 0 means 1000
	Poll       time.Duration                // the pause when there is nothing to do; 0 means 10 ms
	MaxBackoff time.Duration                // bounds the pause after a failure; 0 means a second
	Failed     func(err error, attempt int) // is told of failures, by several goroutines at once; nil means nobody
}

// Tail is postgres.Tail for tests: it hands out every committed event once and in the order of its aggregate, and what
// its function writes into tables is kept with the place. Make it with NewTail; it is safe for concurrent use.
type Tail struct {
	store *Store
	o     TailOptions
}

// TailFunc gets a batch of events, those of an aggregate together and in order. An error or a panic
// takes back what it wrote through tx, and the same batch comes again. It must not make a commit
// with projections to the same store, nor wait for somebody who does.
type TailFunc func(ctx context.Context, tx *ProjectionTx, events []types.Event) error

// tailPlace is how far a tail is: the last sequence handed out of each aggregate. Nothing has to be known of transactions, as in a
// stream all events up to a sequence are committed. Its fields are guarded by the store's mu.
type tailPlace struct {
	types     []string
	of        int
	last      map[hlc.Timestamp]types.Sequence
	delivered int64
	saved     time.Time
	version   int // counts its changes
}

// save lets the place go back with the store, as the row in a database would.
func (p *tailPlace) save() (goBack func()) {
	last, delivered, saved := maps.Clone(p.last), p.delivered, p.saved
	return func() {
		p.last, p.delivered, p.saved = maps.Clone(last), delivered, saved
		p.version++
	}
}

// tailBatch is one that failed, and comes again as long as the place is the one that it was made for.
type tailBatch struct {
	events  []types.Event
	version int
}

// NewTail returns a tail of s. Its error names an invalid option.
func NewTail(s *Store, o *TailOptions) (*Tail, error) {
	if o == nil {
		o = &TailOptions{}
	}
	full := *o
	full.Types = slices.Compact(append([]string{}, slices.Sorted(slices.Values(o.Types))...))
	switch {
	case s == nil:
		return nil, errors.New("memory: the store is nil: give NewTail a *Store")
	case o.Name == "" || len(o.Name) > 256:
		return nil, fmt.Errorf("memory: TailOptions.Name is %d bytes long: use 1 to 256", len(o.Name))
	case slices.Contains(o.Types, ""):
		return nil, errors.New("memory: TailOptions.Types holds an empty type: leave it out")
	case o.Of < 0 || o.Of > 64:
		return nil, fmt.Errorf("memory: TailOptions.Of is %d: use 1 to 64, or 0 for 1", o.Of)
	case o.MaxBatch < 0 || o.Poll < 0 || o.MaxBackoff < 0:
		return nil, errors.New("memory: TailOptions.MaxBatch, Poll and MaxBackoff must not be negative: use 0 for the defaults")
	}
	full.Of = cmp.Or(o.Of, 1)
	full.MaxBatch = cmp.Or(o.MaxBatch, 1000)
	full.Poll = cmp.Or(o.Poll, 10*time.Millisecond)
	full.MaxBackoff = cmp.Or(o.MaxBackoff, time.Second)
	return &Tail{store: s, o: full}, nil
}

// Run hands out events until ctx ends, whose error it returns, or until the tail refuses to work, by a *[store.TailError]. Batches are
// handed out one after the other, whatever Of says, and none while a transaction with projections is open.
func (t *Tail) Run(ctx context.Context, f TailFunc) error {
	if f == nil {
		return errors.New("memory: the function is nil: give Run one")
	}
	if err := t.begin(); err != nil {
		return err
	}
	var batch tailBatch
	for attempt := 0; ; {
		more, err := t.step(ctx, &batch, f)
		pause := t.o.Poll
		var refused *store.TailError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &refused):
			return err
		case err != nil:
			attempt++
			if t.o.Failed != nil {
				t.o.Failed(err, attempt)
			}
			pause = min(t.o.MaxBackoff, 100*time.Millisecond<<min(attempt-1, 20))
			pause = pause/2 + rand.N(pause/2+1)
		default:
			attempt = 0
		}
		if more {
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// begin makes the tail's place, or sees that it fits.
func (t *Tail) begin() error {
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.tails[t.o.Name]
	if p == nil {
		if s.tails == nil {
			s.tails = make(map[string]*tailPlace)
		}
		p = &tailPlace{types: t.o.Types, last: make(map[hlc.Timestamp]types.Sequence)}
		s.tails[t.o.Name] = p
		s.register(p)
	}
	if !slices.Equal(p.types, t.o.Types) {
		return &store.TailError{Tail: t.o.Name, Reason: store.TailOtherTypes, Remedy: fmt.Sprintf(
			"the name is in use with the types [%s], not [%s]: choose another name", strings.Join(p.types, " "), strings.Join(t.o.Types, " "))}
	}
	p.of = t.o.Of
	return nil
}

// place is nil before the first Run.
func (t *Tail) place() *tailPlace {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	return t.store.tails[t.o.Name]
}

// step hands out a batch, and reports whether there was one. The place is written as a table is: who may write into tables is alone, and
// it goes with the transaction.
func (t *Tail) step(ctx context.Context, b *tailBatch, f TailFunc) (more bool, err error) {
	p := t.place()
	if err := t.choose(p, b); err != nil || len(b.events) == 0 {
		return false, err
	}
	tx := t.store.begin()
	defer tx.Abort(context.WithoutCancel(ctx))
	tables, err := tx.Tables(ctx)
	if err != nil {
		return false, err
	}
	if err := t.choose(p, b); err != nil || len(b.events) == 0 {
		return false, err // somebody else was faster
	}
	if err := handOut(ctx, tables, f, slices.Clone(b.events)); err != nil {
		return false, err
	}
	tables.tables[p] = &movedPlace{p, func() {
		for _, e := range b.events {
			p.last[e.AggregateID] = e.Sequence
		}
		p.delivered += int64(len(b.events))
		p.saved = time.Now()
	}}
	return true, tx.End(ctx)
}

// movedPlace is a change of a place in a transaction.
type movedPlace struct {
	*tailPlace
	move func()
}

func (m *movedPlace) apply() {
	m.move()
	m.version++
}

func (m *movedPlace) clone() written { return m }

// choose reads the next batch, unless there is one that failed and is still the next.
func (t *Tail) choose(p *tailPlace, b *tailBatch) error {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	if p.of != t.o.Of {
		return &store.TailError{Tail: t.o.Name, Reason: store.TailOtherParts, Remedy: fmt.Sprintf(
			"somebody else has dealt it out to %d parts, not %d: start this one with the same TailOptions.Of", p.of, t.o.Of)}
	}
	if b.events == nil || b.version != p.version {
		all := t.after(p)
		b.events, b.version = all[:min(t.o.MaxBatch, len(all))], p.version
	}
	return nil
}

// handOut calls the function. One that ends its goroutine takes Run with it.
func handOut(ctx context.Context, tx *ProjectionTx, f TailFunc, events []types.Event) (err error) {
	defer panics.Recover(&err)
	for i := range events {
		events[i] = own(events[i])
	}
	return f(ctx, tx, events)
}

// after returns the events behind a place, in the order of aggregates and sequences.
func (t *Tail) after(p *tailPlace) []types.Event {
	var behind []types.Event
	for id, events := range t.store.kept.events {
		for _, e := range events[min(int(p.last[id]), len(events)):] {
			if len(t.o.Types) == 0 || slices.Contains(t.o.Types, e.Type) {
				behind = append(behind, *e)
			}
		}
	}
	slices.SortFunc(behind, func(a, b types.Event) int {
		return cmp.Or(bytes.Compare(a.AggregateID[:], b.AggregateID[:]), cmp.Compare(a.Sequence, b.Sequence))
	})
	return behind
}

// Progress counts what is committed and not handed out yet.
func (t *Tail) Progress(ctx context.Context) (store.TailProgress, error) {
	if err := ended(ctx, "tail "+t.o.Name+": progress"); err != nil {
		return store.TailProgress{}, err
	}
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	p := t.store.tails[t.o.Name]
	if p == nil {
		p = &tailPlace{}
	}
	behind := t.after(p)
	progress := store.TailProgress{Delivered: p.delivered, Events: int64(len(behind)), SavedAt: p.saved}
	for _, e := range behind {
		progress.Behind = max(progress.Behind, time.Since(e.Timestamp.Time()))
	}
	return progress, nil
}

// Rewind makes the tail hand out again all events from a time on, or with the zero time from the beginning; it never goes
// forward. It waits for a batch that is under way. with writes in the transaction that does it; it may be nil.
func (t *Tail) Rewind(ctx context.Context, to time.Time, with func(ctx context.Context, tx *ProjectionTx) error) error {
	if err := t.begin(); err != nil {
		return err
	}
	p := t.place()
	tx := t.store.begin()
	defer tx.Abort(context.WithoutCancel(ctx))
	tables, err := tx.Tables(ctx)
	if err == nil && with != nil {
		err = with(ctx, tables)
	}
	if err == nil {
		tables.tables[p] = &movedPlace{p, func() { t.rewound(p, to) }}
		err = tx.End(ctx)
	}
	if err != nil {
		return fmt.Errorf("memory: tail %s: rewind: %w", t.o.Name, err)
	}
	return nil
}

func (t *Tail) rewound(p *tailPlace, to time.Time) {
	for id, last := range p.last {
		events := t.store.kept.events[id]
		last = min(last, types.Sequence(len(events)))
		for last > 0 && !events[last-1].Timestamp.Time().Before(to) {
			last--
		}
		p.last[id] = last
	}
}
