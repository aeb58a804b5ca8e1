package memory_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// inCommit runs f in the projection of a commit of its own.
func inCommit(ctx context.Context, s *memory.Store, f func(tx *memory.ProjectionTx) error) error {
	return s.Commit(ctx, commitOf(now(), 1, 1, memory.Projection(
		func(_ context.Context, tx *memory.ProjectionTx, _ types.Event) error { return f(tx) },
	)))
}

func TestInsertLeavesARowAloneThatIsThere(t *testing.T) {
	t.Parallel()
	s := memory.New()
	table := memory.NewTable[string, int](s)
	require.NoError(t, inCommit(t.Context(), s, func(tx *memory.ProjectionTx) error {
		return table.In(tx).Insert("a", 1)
	}))
	require.NoError(t, inCommit(t.Context(), s, func(tx *memory.ProjectionTx) error {
		rows := table.In(tx)
		require.ErrorIs(t, rows.Insert("a", 2), memory.ErrExists)
		require.NoError(t, rows.Insert("b", 3))
		require.ErrorIs(t, rows.Insert("b", 4), memory.ErrExists)
		require.True(t, rows.Delete("b"))
		require.False(t, rows.Delete("b"))
		return rows.Insert("b", 5)
	}))
	require.Equal(t, map[string]int{"a": 1, "b": 5}, maps.Collect(table.All()))
	err := inCommit(t.Context(), s, func(tx *memory.ProjectionTx) error { return table.In(tx).Insert("a", 9) })
	var refusal *store.ProjectionError
	require.ErrorAs(t, err, &refusal)
	require.ErrorIs(t, err, memory.ErrExists)
}

func TestALoopOverRowsMayEndEarlyAndChangeThem(t *testing.T) {
	t.Parallel()
	s := memory.New()
	table := memory.NewTable[int, int](s)
	require.NoError(t, inCommit(t.Context(), s, func(tx *memory.ProjectionTx) error {
		rows := table.In(tx)
		for i := range 10 {
			rows.Put(i, i)
		}
		for i := range rows.All() {
			if i%2 == 0 {
				rows.Delete(i)
			}
		}
		for range rows.All() {
			break
		}
		return nil
	}))
	for range table.All() {
		break
	}
	require.Equal(t, 5, table.Len())
}

// TestATableIsAMapThatChangesWithTheCommit compares a table with a map, through commits that
// succeed or fail, and transactions of several.
func TestATableIsAMapThatChangesWithTheCommit(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		s := memory.New()
		table := memory.NewTable[int, int](s)
		want := map[int]int{}
		for range rapid.IntRange(1, 8).Draw(t, "transactions") {
			tx := begin(t, s)
			staged := maps.Clone(want)
			for range rapid.IntRange(0, 4).Draw(t, "commits") {
				trial := maps.Clone(staged)
				fail := rapid.Bool().Draw(t, "fail")
				err := tx.Commit(ctx, commitOf(now(), 1, 1, changing(t, table, trial, fail)))
				if fail != errors.Is(err, errRefused) {
					t.Fatal(err)
				}
				if !fail {
					staged = trial
				}
				equal(t, want, table)
			}
			if rapid.Bool().Draw(t, "roll back") {
				tx.Abort(ctx)
			} else {
				if err := tx.End(ctx); err != nil {
					t.Fatal(err)
				}
				want = staged
			}
			equal(t, want, table)
		}
	})
}

// changing is a projection that makes drawn changes to the table and to a map.
func changing(t *rapid.T, table *memory.Table[int, int], want map[int]int, fail bool) store.Projection {
	return memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, _ types.Event) error {
		rows := table.In(tx)
		for range rapid.IntRange(0, 6).Draw(t, "changes") {
			k, v := rapid.IntRange(0, 3).Draw(t, "key"), rapid.IntRange(0, 99).Draw(t, "value")
			_, present := want[k]
			switch rapid.IntRange(0, 2).Draw(t, "change") {
			case 0:
				rows.Put(k, v)
				want[k] = v
			case 1:
				if present == rows.Delete(k) {
					delete(want, k)
				}
			default:
				if err := rows.Insert(k, v); err == nil {
					want[k] = v
				} else if !present {
					return err
				}
			}
			if !maps.Equal(want, maps.Collect(rows.All())) {
				return errors.New("inside: another map")
			}
		}
		if fail {
			return errRefused
		}
		return nil
	})
}

func equal(t *rapid.T, want map[int]int, table *memory.Table[int, int]) {
	if got := maps.Collect(table.All()); !maps.Equal(want, got) || table.Len() != len(want) {
		t.Fatalf("%v instead of %v", got, want)
	}
}
