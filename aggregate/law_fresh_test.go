package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Law 3: success, rejection and no-op are decided on the latest state.

func TestARejectionIsConfirmedAgainstTheLatestState(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		here, there := newRoot(t, open(), nil), newRoot(t, open(), nil)
		id := newID(t, here)
		evaluate(t, here, adds(id, 1))
		evaluate(t, there, adds(id, 1))
		var seen []int
		evaluate(t, here, runs(id, func(_ context.Context, c aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			seen = append(seen, c.State.Total)
			if c.State.Total < 2 {
				return nil, aggregate.Reject("too little")
			}
			return types.Events(types.NewEvent("added", added{10})), nil
		}))
		require.Equal(t, []int{1, 2}, seen)
		require.Equal(t, 12, fetch(t, there, id).Total)
	})
}

func TestANoOpIsConfirmedAgainstTheLatestState(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		here, there := newRoot(t, open(), nil), newRoot(t, open(), nil)
		id := newID(t, here)
		evaluate(t, here, adds(id, 1))
		evaluate(t, there, adds(id, 1))
		ensureOdd := runs(id, func(_ context.Context, c aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			if c.State.Total%2 == 1 {
				return nil, nil
			}
			return types.Events(types.NewEvent("added", added{1})), nil
		})
		state, err := here.EvaluateState(t.Context(), ensureOdd)
		require.NoError(t, err)
		require.Equal(t, 3, state.Total)
		require.Equal(t, 3, fetch(t, there, id).Total)
	})
}

func TestARejectionThatStandsCostsOneReadAndNoCommit(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	require.ErrorIs(t, root.Evaluate(t.Context(), adds(id, -1)), aggregate.ErrRejected)
	require.Zero(t, s.reads.Load(), "the load of a cold aggregate was fresh")
	require.ErrorIs(t, root.Evaluate(t.Context(), adds(id, -1)), aggregate.ErrRejected)
	require.EqualValues(t, 1, s.reads.Load())
	evaluate(t, root, adds(id, 0))
	require.EqualValues(t, 2, s.reads.Load())
	require.Zero(t, s.commits.Load())
	evaluate(t, root, adds(id, 1))
	require.EqualValues(t, 2, s.reads.Load(), "a commit needs no read: the index proves it")
	require.EqualValues(t, 1, s.commits.Load())
}

func TestARejectionInABatchIsConfirmedByTheBatchsCommit(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, adds(id, 1))
	var reads int64
	errs := inOneBatch(t, root, id, 10, func(i int) error {
		reads = s.reads.Load()
		return root.Evaluate(t.Context(), adds(id, []int{1, -1}[i%2]))
	})
	for i, err := range errs {
		require.Equal(t, i%2 == 1, errors.Is(err, aggregate.ErrRejected))
	}
	require.Equal(t, reads, s.reads.Load())
	require.EqualValues(t, 2, s.commits.Load(), "one for all")
}

func TestReadFirstShowsHandlersTheLatestStateOnly(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		here := newRoot(t, open(), nil, func(d *aggregate.Definition[tally]) { d.ReadFirst = true })
		there := newRoot(t, open(), nil)
		id := newID(t, here)
		evaluate(t, here, adds(id, 1))
		evaluate(t, there, adds(id, 1))
		var seen []int
		evaluate(t, here, runs(id, func(_ context.Context, c aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			seen = append(seen, c.State.Total)
			return types.Events(types.NewEvent("added", added{1})), nil
		}))
		require.Equal(t, []int{2}, seen)
	})
}

// Law 5: a command's fate depends on no other command that shares its round trip.

func TestABadCommandInASharedBatchFailsAlone(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, open func() store.Adapter) {
		s := open()
		root := newRoot(t, s, nil)
		id := newID(t, root)
		evaluate(t, root, notes(id, "first"))
		bad := map[int]types.Command{
			1: adds(id, -1),
			3: runs(id, explode),
			5: emits(id, types.NewEvent("noted", noted{"never"}), types.NewEvent("mystery", nil)),
			7: emits(id, types.NewEvent("noted", noted{"never"}), types.NewEvent("bomb", bomb{"panic"})),
			9: emits(id, types.NewEvent("noted", noted{"never"}), types.NewEvent("noted", noted{"a\x00"})),
		}
		errs := inOneBatch(t, root, id, 11, func(i int) error {
			c, found := bad[i]
			if !found {
				c = notes(id, fmt.Sprint("note ", i))
			}
			return root.Evaluate(t.Context(), c)
		})
		requireFates(t, root, open(), id, bad, errs)
	})
}

// TestARefusalOfTheStoreMeetsItsCommandAlone has a store that refuses a commit for one event in it.
func TestARefusalOfTheStoreMeetsItsCommandAlone(t *testing.T) {
	t.Parallel()
	s, refused := newTap(), errors.New("refused")
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, notes(id, "first"))
	var sizes []int
	s.commit = func(_ context.Context, c store.Commit, next func() error) error {
		sizes = append(sizes, len(c.Events))
		for _, e := range c.Events {
			if string(e.Body) == `{"Text": "bad"}` {
				return refused
			}
		}
		return next()
	}
	bad := map[int]types.Command{2: notes(id, "bad"), 5: notes(id, "never", "bad")}
	errs := inOneBatch(t, root, id, 8, func(i int) error {
		c, found := bad[i]
		if !found {
			c = notes(id, fmt.Sprint("note ", i))
		}
		return root.Evaluate(t.Context(), c)
	})
	requireFates(t, root, s.Store, id, bad, errs)
	for i := range bad {
		require.ErrorIs(t, errs[i], refused)
		require.ErrorContains(t, errs[i], "aggregate: commit: ")
	}
	require.Equal(t, 9, sizes[0], "they did share a commit")
}

// requireFates checks that the bad commands failed and the others are stored, in their order.
func requireFates(t *testing.T, root *aggregate.Root[tally], s store.Adapter, id [16]byte, bad map[int]types.Command, errs []error) {
	t.Helper()
	want := []string{"first"}
	for i, err := range errs {
		if _, found := bad[i]; found {
			require.Error(t, err, "%d", i)
			continue
		}
		require.NoError(t, err, "%d", i)
		want = append(want, fmt.Sprint("note ", i))
	}
	var got []string
	for _, e := range logOf(t, s, id) {
		var n noted
		require.NoError(t, json.Unmarshal(e.Body, &n))
		got = append(got, n.Text)
	}
	require.Equal(t, want, got)
	require.Equal(t, want, get(t, root, id).Notes)
	require.Equal(t, get(t, root, id), get(t, newRoot(t, s, nil), id))
}
