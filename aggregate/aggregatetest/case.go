package aggregatetest

import (
	"context"
	"slices"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// T is what the package needs of a test; *testing.T, *testing.B and *testing.F implement it. Fatalf
// should end the test; if it returns, the case does nothing more. If T has a Cleanup(func())
// method, the test also fails for an error that no Then looked at.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Epoch is the time at which a case begins: midnight, 1 January 2020, UTC.
var Epoch = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

// node is the node id of a case's clock.
const node = 0x6d61657374726f

// Check names something that every When looks at.
type Check string

const (
	// CheckUnchanged is that a command handler doesn't change the state.
	CheckUnchanged Check = "unchanged state"

	// CheckBodies is that an event's body survives its stored form.
	CheckBodies Check = "bodies"

	// CheckOwnership is that event handlers keep and change only what is theirs.
	CheckOwnership Check = "ownership"

	// CheckReplay is that the live state is the one that the log gives.
	CheckReplay Check = "replay"

	// CheckSnapshots is that a snapshot and the events after it give the same state as the log.
	CheckSnapshots Check = "snapshots"
)

// Case is the story of one aggregate. Its methods return it, so they can be chained. Call them in
// the test's own goroutine.
type Case[S any] struct {
	t          T
	definition aggregate.Definition[S] // whose handlers are watched
	without    map[Check]bool
	broken     bool // Fatalf was called and returned

	store    store.Adapter
	clock    *hlc.Clock
	now      time.Time
	id       hlc.Timestamp
	ctx      context.Context
	metadata types.Metadata
	states   []func() S // those of GivenState

	projections []store.Projection // which run where On says so

	watch   watch
	outcome *outcome[S] // of the last When
}

// New begins a case. A definition that aggregate.NewRoot refuses ends the test.
func New[S any](t T, d aggregate.Definition[S]) *Case[S] {
	t.Helper()
	c := &Case[S]{t: t, without: map[Check]bool{}, store: memory.New(), now: Epoch, ctx: context.Background()}
	c.begin(node)
	c.projections, d.Projections, d.Snapshots = d.Projections, nil, aggregate.SnapshotPolicy{}
	d.Idle = aggregate.IdlePolicy{Hibernate: -1, Exit: -1}
	if err := check(d); err != nil {
		c.fatalf("%v", err)
		return c
	}
	c.definition = c.watched(d)
	if cleanup, ok := t.(interface{ Cleanup(func()) }); ok {
		cleanup.Cleanup(c.checkLookedAt)
	}
	return c
}

// begin makes the clock, with a node id or 0 for one of its own, and the aggregate's id.
func (c *Case[S]) begin(node uint64) {
	c.clock = hlc.NewClock(&hlc.Options{Node: node, MaxDrift: -1, Now: func() time.Time { return c.now }})
	c.id = c.clock.NowAfter(hlc.Timestamp{})
}

// check returns what aggregate.NewRoot has against a definition.
func check[S any](d aggregate.Definition[S]) error {
	sup := supervisor(memory.New(), nil)
	defer func() { _ = sup.Shutdown(context.Background()) }()
	_, err := aggregate.NewRoot(sup, d)
	return err
}

// Without turns checks off for the rest of the case.
func (c *Case[S]) Without(checks ...Check) *Case[S] {
	for _, check := range checks {
		c.without[check] = true
	}
	return c
}

// ID returns the aggregate's id, which is the same in every case, or one of its own in a case with
// a store.
func (c *Case[S]) ID() hlc.Timestamp { return c.id }

// At moves the clock for what follows. Timestamps rise even if it is moved back.
func (c *Case[S]) At(now time.Time) *Case[S] {
	c.now = now
	return c
}

// WithMetadata gives the events and commands that follow metadata.
func (c *Case[S]) WithMetadata(m types.Metadata) *Case[S] {
	c.metadata = m
	return c
}

// WithContext gives the command handlers that follow a context.
func (c *Case[S]) WithContext(ctx context.Context) *Case[S] {
	c.ctx = ctx
	return c
}

// Given adds events to the log, in their stored form, as if commands had led to them. They may be
// of older types, for which the definition has upcasts. Events that can't be stored or applied end
// the test.
func (c *Case[S]) Given(events ...types.Uncommitted) *Case[S] {
	c.t.Helper()
	if c.broken || !c.beginsAnew() {
		return c
	}
	if err := c.append(events, c.definition.Projections...); err != nil {
		c.fatalf("given events: %v", err)
		return c
	}
	if !c.without[CheckBodies] {
		for i, e := range events {
			if fault := survives(e); fault != "" {
				c.errorf("given event %d, %q: %s", i+1, e.Type, fault)
			}
		}
	}
	if _, err := c.read(c.store); err != nil {
		c.fatalf("given events: %v", err)
	}
	c.report()
	return c
}

// givenState is the type of the event that stands for a given state.
const givenState = "aggregatetest.given_state"

// GivenState brings the aggregate into a state without its history, as a snapshot would: one event
// that only the case knows stands for all others, so the sequence rises by 1. Use it for states
// that take many events to reach; Given tests more.
func (c *Case[S]) GivenState(s S) *Case[S] {
	c.t.Helper()
	if c.broken || !c.beginsAnew() {
		return c
	}
	c.states = append(c.states, func() S { return s })
	if err := c.append(types.Events(types.NewEvent(givenState, len(c.states)-1))); err != nil {
		c.fatalf("given state: %v", err)
		return c
	}
	current, err := c.read(c.store)
	if err != nil {
		c.fatalf("given state: %v", err)
		return c
	}
	// What was read is a copy by the definition's own rules, and so is the next one.
	c.states[len(c.states)-1] = c.copier(current.State)
	return c
}

// append stores events at the end of the log.
func (c *Case[S]) append(events []types.Uncommitted, projections ...store.Projection) error {
	log, err := logOf(c.store, c.id)
	if err != nil || len(events) == 0 {
		return err
	}
	last := c.id
	if len(log) > 0 {
		last = log[len(log)-1].Timestamp
	}
	added := make([]types.Event, len(events))
	for i, e := range events {
		body, err := encode(e.Body)
		if err != nil {
			return err
		}
		last = c.clock.NowAfter(last)
		added[i] = types.Event{
			Timestamp: last, AggregateID: c.id, Sequence: types.Sequence(len(log) + i + 1),
			Type: e.Type, Body: body, Metadata: c.metadata,
		}
	}
	return commit(c.store, slices.Clip(added), projections...)
}

// fatalf ends the test, and the case where the test doesn't end.
func (c *Case[S]) fatalf(format string, args ...any) {
	c.t.Helper()
	c.broken = true
	c.t.Fatalf("aggregatetest: "+format, args...)
}

func (c *Case[S]) errorf(format string, args ...any) {
	c.t.Helper()
	c.t.Errorf("aggregatetest: "+format, args...)
}
