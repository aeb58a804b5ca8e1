package memory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/storetest"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func TestTailKeepsItsPromises(t *testing.T) {
	t.Parallel()
	storetest.RunTail(t, storetest.TailHarness{New: func(testing.TB) storetest.TailStore {
		s := memory.New()
		table := memory.NewTable[int, types.Event](s)
		return storetest.TailStore{
			Adapter: s,
			Begin: func(t testing.TB) storetest.Transaction {
				t.Helper()
				tx, err := s.BeginTx(t.Context())
				require.NoError(t, err)
				return storetest.Transaction{Adapter: tx, Commit: tx.End, Rollback: func(ctx context.Context) error {
					tx.Abort(ctx)
					return nil
				}}
			},
			Tail: func(t testing.TB, o storetest.TailSetting) storetest.Tail {
				t.Helper()
				tail, err := memory.NewTail(s, &memory.TailOptions{
					Name: o.Name, Types: o.Types, Of: o.Of, MaxBatch: o.MaxBatch, Failed: o.Failed,
					Poll: time.Millisecond, MaxBackoff: time.Millisecond,
				})
				require.NoError(t, err)
				return suiteTail(tail, table)
			},
			Written: func(testing.TB) []types.Event {
				n := table.Len()
				var events []types.Event
				for i := range n {
					e, _ := table.Get(i)
					events = append(events, e)
				}
				return events
			},
		}
	}})
}

func suiteTail(tail *memory.Tail, table *memory.Table[int, types.Event]) storetest.Tail {
	return storetest.Tail{
		Run: func(ctx context.Context, f storetest.TailFunc) error {
			if f == nil {
				return tail.Run(ctx, nil)
			}
			return tail.Run(ctx, func(ctx context.Context, tx *memory.ProjectionTx, events []types.Event) error {
				n := table.Len()
				return f(ctx, func(e types.Event) error {
					table.In(tx).Put(n, e)
					n++
					return nil
				}, events)
			})
		},
		Progress: tail.Progress,
		Rewind:   func(ctx context.Context, to time.Time) error { return tail.Rewind(ctx, to, nil) },
	}
}

func TestTailOptionsThatCanNotBeMeantAreRefused(t *testing.T) {
	t.Parallel()
	s := memory.New()
	for text, o := range map[string]*memory.TailOptions{
		"memory: TailOptions.Name is 0 bytes long: use 1 to 256":                               nil,
		"memory: TailOptions.Types holds an empty type: leave it out":                          {Name: "a", Types: []string{""}},
		"memory: TailOptions.Of is 65: use 1 to 64, or 0 for 1":                                {Name: "a", Of: 65},
		"memory: TailOptions.Poll is -1s: use a positive duration, or 0 for the default":       {Name: "a", Poll: -time.Second},
		"memory: TailOptions.MaxBatch is -1: use 1 or more, or 0 for the default":              {Name: "a", MaxBatch: -1},
		"memory: TailOptions.MaxBackoff is -1s: use a positive duration, or 0 for the default": {Name: "a", MaxBackoff: -time.Second},
	} {
		_, err := memory.NewTail(s, o)
		require.EqualError(t, err, text)
	}
	_, err := memory.NewTail(nil, &memory.TailOptions{Name: "a"})
	require.EqualError(t, err, "memory: the store is nil: give NewTail a *Store")
}

func TestARewindMayWriteAndItsErrorChangesNothing(t *testing.T) {
	t.Parallel()
	s := memory.New()
	table := memory.NewTable[string, int](s)
	tail, err := memory.NewTail(s, &memory.TailOptions{Name: "a"})
	require.NoError(t, err)
	put := func(_ context.Context, tx *memory.ProjectionTx) error { table.In(tx).Put("a", 1); return nil }
	require.NoError(t, tail.Rewind(t.Context(), time.Time{}, put))
	require.Equal(t, 1, table.Len())
	broken := errors.New("broken")
	err = tail.Rewind(t.Context(), time.Time{}, func(ctx context.Context, tx *memory.ProjectionTx) error {
		table.In(tx).Delete("a")
		return broken
	})
	require.ErrorIs(t, err, broken)
	require.Equal(t, 1, table.Len())
}
