package aggregatetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// Transaction is the story of several aggregates that change together: given events of each, when a
// function for [aggregate.Supervisor.Transact], then events of each, or an error. Make it with
// [NewTransaction]. Its methods return it, so they can be chained. Call them in the test's own
// goroutine.
//
// It runs on a store in memory, where postgres.TxOf returns store.ErrUnsupported. So pass what a
// function does with SQL as a parameter. Each function runs twice: the first run is refused, as
// after a conflict with another process, and the second must give the same events.
// [Transaction.Once] turns that off.
type Transaction struct {
	t      T
	clock  *hlc.Clock
	store  *rehearsed
	sup    *aggregate.Supervisor
	known  []hlc.Timestamp // in the order in which ID made them
	broken bool            // Fatalf was called and returned

	before   map[hlc.Timestamp]int // lengths of the logs at the last When
	ended    bool                  // there was a When
	err      error                 // of it
	lookedAt bool                  // by a Then, or by Err
	told     map[hlc.Timestamp]bool
}

// NewTransaction begins a story. The clock stands still at [Epoch]. If t has no Cleanup(func())
// method, shut the supervisor down yourself.
func NewTransaction(t T) *Transaction {
	t.Helper()
	x := &Transaction{t: t, store: &rehearsed{Store: memory.New()}}
	x.clock = hlc.NewClock(&hlc.Options{Node: node, MaxDrift: -1, Now: fixed})
	x.sup = supervisor(x.store, &aggregate.Options{Clock: x.clock})
	if cleanup, ok := t.(interface{ Cleanup(func()) }); ok {
		cleanup.Cleanup(func() {
			x.checkLookedAt()
			_ = x.sup.Shutdown(context.Background())
		})
	}
	return x
}

// RootOf returns the root of one of the definitions that the function under test uses. Projections,
// idle and snapshot policies are left out. A definition that aggregate.NewRoot refuses ends the
// test.
func RootOf[S any](x *Transaction, d aggregate.Definition[S]) *aggregate.Root[S] {
	x.t.Helper()
	d.Projections, d.Snapshots = nil, aggregate.SnapshotPolicy{}
	d.Idle = aggregate.IdlePolicy{Hibernate: -1, Exit: -1}
	root, err := aggregate.NewRoot(x.sup, d)
	if err != nil {
		x.fatalf("%v", err)
	}
	return root
}

// ID returns the id of another aggregate. The first one is the same in every story, and so is the
// second.
func (x *Transaction) ID() hlc.Timestamp {
	id := x.clock.NowAfter(hlc.Timestamp{})
	x.known = append(x.known, id)
	return id
}

// Supervisor returns the supervisor of the roots, for functions that call Transact by themselves.
func (x *Transaction) Supervisor() *aggregate.Supervisor { return x.sup }

// Once lets the functions that follow run only once. Use it for functions with random results.
func (x *Transaction) Once() *Transaction {
	x.store.once = true
	return x
}

// Given adds events to an aggregate's log, in their stored form, as if commands had led to them.
func (x *Transaction) Given(id hlc.Timestamp, events ...types.Uncommitted) *Transaction {
	x.t.Helper()
	if x.broken || !x.beginsAnew() {
		return x
	}
	log, err := logOf(x.store, id)
	last := id
	added := make([]types.Event, len(events))
	for i, e := range events {
		if len(log) > 0 && i == 0 {
			last = log[len(log)-1].Timestamp
		}
		last = x.clock.NowAfter(last)
		added[i] = types.Event{Timestamp: last, AggregateID: id, Sequence: types.Sequence(len(log) + i + 1), Type: e.Type}
		if err == nil {
			added[i].Body, err = encode(e.Body)
		}
	}
	if err == nil {
		err = commit(x.store, added)
	}
	if err != nil {
		x.fatalf("given events: %v", err)
	}
	return x
}

// When runs f in Transact.
func (x *Transaction) When(f func(ctx context.Context, tx store.Tx) error) *Transaction {
	x.t.Helper()
	return x.WhenCalled(func(ctx context.Context) error { return x.sup.Transact(ctx, f) })
}

// WhenCalled calls f, which is to call Transact of the story's Supervisor.
func (x *Transaction) WhenCalled(f func(ctx context.Context) error) *Transaction {
	x.t.Helper()
	if x.broken || !x.beginsAnew() {
		return x
	}
	x.before = map[hlc.Timestamp]int{}
	for _, id := range x.aggregates() {
		x.before[id] = len(x.log(id))
	}
	x.ended, x.lookedAt, x.told = true, false, map[hlc.Timestamp]bool{}
	x.store.first, x.store.rehearsals, x.store.faults = nil, 0, nil
	x.err = f(context.Background())
	for _, fault := range x.store.faults {
		x.errorf("%s", fault)
	}
	return x
}

// Then demands that the transaction stored exactly these events of an aggregate, in this order.
// Bodies are compared as JSON values.
func (x *Transaction) Then(id hlc.Timestamp, events ...types.Uncommitted) *Transaction {
	x.t.Helper()
	if !x.looked("Then") {
		return x
	}
	if x.err != nil {
		x.errorf("the transaction failed: %v", x.err)
		return x
	}
	x.told[id] = true
	got := x.log(id)[x.before[id]:]
	if len(got) != len(events) {
		x.errorf("aggregate %s got other events\n    got  %d: %s\n    want %d: %s", x.name(id), len(got), list(typesOf(got)), len(events), list(namesOf(events)))
		return x
	}
	for i, want := range events {
		if fault := compare(want, got[i]); fault != "" {
			x.errorf("aggregate %s: event %d of %d is another%s", x.name(id), i+1, len(events), fault)
		}
	}
	return x
}

// ThenNothingElse demands that no aggregate got events that no Then named. After an error this is
// always true.
func (x *Transaction) ThenNothingElse() *Transaction {
	x.t.Helper()
	if !x.looked("ThenNothingElse") {
		return x
	}
	for _, id := range x.aggregates() {
		if got := x.log(id)[x.before[id]:]; len(got) > 0 && !x.told[id] {
			x.errorf("aggregate %s got events as well: %s", x.name(id), list(typesOf(got)))
		}
	}
	return x
}

// ThenRejected demands that the transaction failed because a handler refused, with aggregate.Reject
// or another error that matches aggregate.ErrRejected, and that the error's text contains text.
func (x *Transaction) ThenRejected(text string) *Transaction {
	x.t.Helper()
	if x.looked("ThenRejected") && (!errors.Is(x.err, aggregate.ErrRejected) || !strings.Contains(x.err.Error(), text)) {
		x.errorf("the transaction was not rejected so\n    got  %v\n    want %q", x.err, text)
	}
	return x
}

// ThenError demands that the transaction failed with an error that matches target, as errors.Is
// says.
func (x *Transaction) ThenError(target error) *Transaction {
	x.t.Helper()
	if x.looked("ThenError") && !errors.Is(x.err, target) {
		x.errorf("the transaction failed with another error\n    got  %v\n    want %v", x.err, target)
	}
	return x
}

// Err returns the transaction's error, for what the Thens don't say.
func (x *Transaction) Err() error {
	x.t.Helper()
	if !x.looked("Err") {
		return nil
	}
	return x.err
}

// aggregates are those that the story, or a transaction, knows of.
func (x *Transaction) aggregates() []hlc.Timestamp {
	all := map[hlc.Timestamp]bool{}
	for _, id := range slices.Concat(x.known, x.store.written) {
		all[id] = true
	}
	return slices.SortedFunc(maps.Keys(all), hlc.Timestamp.Compare)
}

func (x *Transaction) log(id hlc.Timestamp) []types.Event {
	log, err := logOf(x.store, id)
	if err != nil {
		x.fatalf("read aggregate %s: %v", x.name(id), err)
	}
	return log
}

// name is what a failure calls an aggregate: its place among those of ID, from 1.
func (x *Transaction) name(id hlc.Timestamp) string {
	if i := slices.Index(x.known, id); i >= 0 {
		return fmt.Sprint(i + 1)
	}
	return id.String()
}

// looked reports whether there is an outcome, which somebody looks at now.
func (x *Transaction) looked(method string) bool {
	x.t.Helper()
	if !x.broken && !x.ended {
		x.fatalf("%s without a When before it", method)
	}
	x.lookedAt = true
	return !x.broken
}

// beginsAnew forgets the last outcome. It returns false if nobody looked at an error, which ends
// the test.
func (x *Transaction) beginsAnew() bool {
	x.t.Helper()
	x.checkLookedAt()
	x.ended = false
	return !x.broken
}

func (x *Transaction) checkLookedAt() {
	x.t.Helper()
	if x.ended && x.err != nil && !x.lookedAt {
		x.lookedAt = true
		x.fatalf("the transaction failed, and no Then looked at it: %v", x.err)
	}
}

func (x *Transaction) fatalf(format string, args ...any) {
	x.t.Helper()
	x.broken = true
	x.t.Fatalf("aggregatetest: "+format, args...)
}

func (x *Transaction) errorf(format string, args ...any) {
	x.t.Helper()
	x.t.Errorf("aggregatetest: "+format, args...)
}
