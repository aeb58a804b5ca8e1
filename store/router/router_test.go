package router_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/router"
	"github.com/eventmaestro/maestro/store/storetest"
	"github.com/eventmaestro/maestro/types"
)

// counter counts its events.
func counter() aggregate.Definition[int] {
	return aggregate.Definition[int]{
		Name: "counter",
		Commands: aggregate.Commands[int]{"count": aggregate.Command(
			func(context.Context, aggregate.Instance[int], struct{}) ([]types.Uncommitted, error) {
				return types.Events(types.NewEvent("counted", nil)), nil
			})},
		Events: aggregate.Events[int]{"counted": aggregate.Event(func(n int, _ struct{}) int { return n + 1 })},
	}
}

func count(id hlc.Timestamp) types.Command { return types.Command{AggregateID: id, Type: "count"} }

func rootOn(t *testing.T, a store.Adapter) *aggregate.Root[int] {
	t.Helper()
	sup, err := aggregate.NewSupervisor(a, nil)
	require.NoError(t, err)
	ended := context.WithoutCancel(t.Context())
	t.Cleanup(func() { _ = sup.Shutdown(ended) })
	root, err := aggregate.NewRoot(sup, counter())
	require.NoError(t, err)
	return root
}

// inSlotOf returns the id of a new aggregate that a router deals to a store.
func inSlotOf(t *testing.T, root *aggregate.Root[int], s *router.Store, a store.Adapter) hlc.Timestamp {
	t.Helper()
	for {
		id, err := root.NewID(t.Context())
		require.NoError(t, err)
		if s.For(id) == a {
			return id
		}
	}
}

// down is a store that hangs as long as it may, as a server behind a cut cable does.
type down struct{ *memory.Store }

func (down) Commit(ctx context.Context, _ store.Commit) error {
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
	}
	return store.ErrUnavailable
}

func TestAStoreThatIsDownTakesOnlyItsOwnAggregates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dead := down{memory.New()}
		s := routed(t, memory.New(), dead, memory.New())
		root := rootOn(t, s)
		var served, lost atomic.Int64
		var all sync.WaitGroup
		for range 90 {
			id, err := root.NewID(t.Context())
			require.NoError(t, err)
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err := root.Evaluate(ctx, count(id))
				if s.For(id) == dead {
					require.Error(t, err)
					lost.Add(1)
					return
				}
				require.NoError(t, err)
				served.Add(1)
			})
		}
		all.Wait()
		require.Positive(t, lost.Load())
		require.Positive(t, served.Load())
	})
}

// undurable is a store of which nobody can tell whether what it shows is durable.
type undurable struct{ *memory.Store }

func (undurable) Flush(context.Context, hlc.Timestamp) error { return store.ErrUnavailable }

func TestACommitInDoubtIsSettledWhileAnotherStoreIsDown(t *testing.T) {
	t.Parallel()
	dead, faults := undurable{memory.New()}, storetest.NewFaults(memory.New(), 1, nil)
	s := routed(t, dead, faults)
	root := rootOn(t, s)
	faults.Next(storetest.OpCommit, storetest.FaultReplyLost)
	require.NoError(t, root.Evaluate(t.Context(), count(inSlotOf(t, root, s, faults))))
	require.Equal(t, 1, faults.Count(storetest.OpCommit, storetest.FaultReplyLost))
	require.NoError(t, s.Flush(t.Context(), inSlotOf(t, root, s, faults)))
	require.ErrorIs(t, s.Flush(t.Context(), inSlotOf(t, root, s, dead)), store.ErrUnavailable)
	require.ErrorIs(t, s.Flush(t.Context(), hlc.Timestamp{}), store.ErrUnavailable, "that is all of them")
}

// TestARouterHasEveryCapability reads the names of store's interfaces, so that a new one can't be
// forgotten.
func TestARouterHasEveryCapability(t *testing.T) {
	t.Parallel()
	s := routed(t, memory.New())
	tx, err := s.BeginTx(t.Context())
	require.NoError(t, err)
	defer tx.Abort(t.Context())
	var a store.Adapter = s
	capabilities := map[string]bool{"OwnTx": true}
	_, capabilities["CommandLog"] = a.(store.CommandLog)
	_, capabilities["Redactor"] = a.(store.Redactor)
	_, capabilities["Chronology"] = a.(store.Chronology)
	_, capabilities["Follower"] = a.(store.Follower)
	_, capabilities["Projector"] = a.(store.Projector)
	_, capabilities["Lister"] = a.(store.Lister)
	_, capabilities["Flusher"] = a.(store.Flusher)
	_, capabilities["Replicated"] = a.(store.Replicated)
	_, capabilities["Transactor"] = a.(store.Transactor)
	_, capabilities["Excluder"] = tx.(store.Excluder)
	require.Implements(t, (*store.CommandLog)(nil), tx)
	file, err := parser.ParseFile(token.NewFileSet(), "../optional.go", nil, 0)
	require.NoError(t, err)
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			if _, is := spec.Type.(*ast.InterfaceType); is {
				found++
				require.True(t, capabilities[spec.Name.Name], spec.Name.Name)
			}
		}
		return true
	})
	require.Equal(t, len(capabilities), found)
}

func TestTimestampsAreComparedWhateverTheStoreInsideOffers(t *testing.T) {
	t.Parallel()
	log := falling{memory.New()}
	for name, s := range map[string]*router.Store{"asked": routed(t, chronicle{log}), "read": routed(t, log)} {
		for last, rises := range map[types.Sequence]bool{1: true, 2: true, 3: false} {
			rise, err := s.Rises(t.Context(), hlc.Timestamp{1}, store.Range{Max: last})
			require.NoError(t, err)
			require.Equal(t, rises, rise, name)
		}
	}
}

// falling has three events, and the last one's timestamp is before that of the second.
type falling struct{ *memory.Store }

func (falling) Events(_ context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		for i, at := range []byte{2, 4, 3} {
			e := types.Event{AggregateID: id, Sequence: types.Sequence(i + 1), Timestamp: hlc.Timestamp{at}}
			if r.Contains(e.Sequence) && !yield(e, nil) {
				return
			}
		}
	}
}

// chronicle compares timestamps by itself.
type chronicle struct{ falling }

func (chronicle) Rises(_ context.Context, _ hlc.Timestamp, r store.Range) (bool, error) {
	return r.Max < 3, nil
}

func TestATransactionOfTheAggregatesOwnStoreIsTaken(t *testing.T) {
	t.Parallel()
	first, second := memory.New(), memory.New()
	s := routed(t, first, second)
	root := rootOn(t, s)
	id := inSlotOf(t, root, s, second)
	tx, err := second.BeginTx(t.Context())
	require.NoError(t, err)
	_, err = root.EvaluateTx(t.Context(), tx, count(id))
	require.NoError(t, err)
	require.NoError(t, tx.End(t.Context()))
	n, err := root.Fetch(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, 1, n)

	tx, err = first.BeginTx(t.Context())
	require.NoError(t, err)
	_, err = root.EvaluateTx(t.Context(), tx, count(id))
	require.ErrorIs(t, err, aggregate.ErrOtherStore, "of a store that has other aggregates")
	tx.Abort(t.Context())
}

func TestASlotMovesUnderLoad(t *testing.T) {
	t.Parallel()
	from, to := memory.New(), memory.New()
	s, err := router.New(router.Deal(4, from), nil)
	require.NoError(t, err)
	root := rootOn(t, s)
	var ids []hlc.Timestamp
	for range 16 {
		id, err := root.NewID(t.Context())
		require.NoError(t, err)
		ids = append(ids, id)
	}
	var all sync.WaitGroup
	var done atomic.Int64
	moved := make(chan struct{})
	for _, id := range ids {
		all.Go(func() {
			for n := 1; ; n++ {
				require.NoError(t, root.Evaluate(t.Context(), count(id)))
				done.Add(1)
				select {
				case <-moved:
					if n%7 == 0 {
						return
					}
				default:
				}
			}
		})
	}
	for slot := range 4 {
		for until := done.Load() + 50; done.Load() < until; {
			time.Sleep(100 * time.Microsecond)
		}
		require.NoError(t, s.Move(t.Context(), slot, to, func(ctx context.Context) error {
			for _, id := range ids {
				if s.Slot(id) != slot {
					continue
				}
				if err := copied(ctx, from, to, id); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	close(moved)
	all.Wait()
	var total int64
	cold := rootOn(t, to)
	for _, id := range ids {
		n, err := cold.Fetch(t.Context(), id)
		require.NoError(t, err)
		total += int64(n)
		require.Same(t, to, s.For(id))
	}
	require.Equal(t, done.Load(), total, "every acknowledged command, once")
}

// copied copies the log of an aggregate.
func copied(ctx context.Context, from, to store.Adapter, id hlc.Timestamp) error {
	c := store.Commit{AggregateID: id}
	for e, err := range from.Events(ctx, id, store.Range{}) {
		if err != nil {
			return err
		}
		c.Events = append(c.Events, e)
	}
	if len(c.Events) == 0 {
		return nil
	}
	return to.Commit(ctx, c)
}

func TestAMoveThatFailsLeavesTheSlotWhereItIs(t *testing.T) {
	t.Parallel()
	from, to := memory.New(), memory.New()
	s, err := router.New([]store.Adapter{from}, nil)
	require.NoError(t, err)
	root := rootOn(t, s)
	id, err := root.NewID(t.Context())
	require.NoError(t, err)
	broken := errors.New("no space left")
	require.ErrorIs(t, s.Move(t.Context(), 0, to, func(context.Context) error {
		err := s.Move(t.Context(), 0, to, nil)
		require.ErrorContains(t, err, "moved already")
		return broken
	}), broken)
	require.Panics(t, func() {
		_ = s.Move(t.Context(), 0, to, func(context.Context) error { panic("a mistake") })
	})
	require.Same(t, from, s.For(id))
	require.NoError(t, root.Evaluate(t.Context(), count(id)))
}

func TestAMoveWaitsForWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from, to := memory.New(), memory.New()
		s, err := router.New([]store.Adapter{from}, nil)
		require.NoError(t, err)
		id := hlc.Timestamp{1}
		require.NoError(t, s.Commit(t.Context(), store.Commit{AggregateID: id, Events: []types.Event{
			{AggregateID: id, Sequence: 1, Timestamp: hlc.Timestamp{2}, Type: "counted", Body: []byte("{}")},
		}}))
		for _, err := range s.Events(t.Context(), id, store.Range{}) {
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.ErrorIs(t, s.Move(ctx, 0, to, nil), context.DeadlineExceeded, "this loop still reads")
		}
		require.NoError(t, s.Move(t.Context(), 0, to, func(context.Context) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := s.LatestSnapshot(ctx, id, store.Range{})
			require.ErrorIs(t, err, context.DeadlineExceeded, "nobody reads meanwhile")
			return nil
		}))
		require.Same(t, to, s.For(id))
	})
}

func TestATableThatCantBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	var none *memory.Store
	for text, table := range map[string][]store.Adapter{
		"the table has 0 slots":   router.Deal(16),
		"the table has 65537":     router.Deal(router.MaxSlots+1, memory.New()),
		"slot 1 has no store":     {memory.New(), nil},
		"slot 0 has no store":     {none},
		`projections, slot 0 one`: {memory.New(), foreign{memory.New()}},
	} {
		_, err := router.New(table, nil)
		require.ErrorContains(t, err, text)
	}
	s := routed(t, memory.New())
	for text, move := range map[string]func() error{
		"there are 16":        func() error { return s.Move(t.Context(), 16, memory.New(), nil) },
		"the store is nil":    func() error { return s.Move(t.Context(), 0, none, nil) },
		"the others are for ": func() error { return s.Move(t.Context(), 0, foreign{memory.New()}, nil) },
	} {
		require.ErrorContains(t, move(), text)
	}
}

// foreign is a store of another kind.
type foreign struct{ *memory.Store }

func (foreign) StoreKind() string { return "foreign" }

func TestAFunctionOfOnesOwnDeals(t *testing.T) {
	t.Parallel()
	first, second := memory.New(), memory.New()
	s, err := router.New([]store.Adapter{first, second}, &router.Options{
		Slot: func(id hlc.Timestamp, _ int) int { return int(id[15]) },
	})
	require.NoError(t, err)
	require.Same(t, first, s.For(hlc.Timestamp{1}))
	require.Same(t, second, s.For(hlc.Timestamp{15: 1}))
	beyond := hlc.Timestamp{15: 2}
	require.Nil(t, s.For(beyond))
	require.ErrorContains(t, s.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: beyond}), "Options.Slot gave 2")
}

// bare has no optional capability.
type bare struct{ store.Adapter }

func TestWhatAStoreLacksIsUnsupported(t *testing.T) {
	t.Parallel()
	s := routed(t, bare{memory.New()})
	ctx, id := t.Context(), hlc.Timestamp{1}
	_, err := s.LookupCommand(ctx, id, "a")
	require.ErrorIs(t, err, store.ErrUnsupported)
	_, err = s.PruneCommands(ctx, time.Now())
	require.ErrorIs(t, err, store.ErrUnsupported)
	require.ErrorIs(t, s.Redact(ctx, store.Redaction{AggregateID: id}), store.ErrUnsupported)
	require.NoError(t, s.Flush(ctx, id), "visible is durable there")
	tx, err := s.BeginTx(ctx)
	require.NoError(t, err)
	_, _, err = tx.Lock(ctx, id, 1)
	require.ErrorIs(t, err, store.ErrUnsupported)
	tx.Abort(ctx)
	require.Empty(t, s.StoreKind())
}
