package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// everything is a store with metadata and command IDs.
func onEverything(t *testing.T, test func(t *testing.T, open func() store.Adapter)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s := memory.New()
		test(t, func() store.Adapter { return s })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url, _ := pgtest.Schema(t)
		pool := pgtest.Open(t, url)
		require.NoError(t, migrations.Apply(t.Context(), pool, &migrations.Options{Metadata: true, Commands: true}))
		test(t, func() store.Adapter { return pgtest.Store(t, pool, &postgres.Options{Metadata: true, Commands: true}) })
	})
}

// forgetAnn takes one person's name out of bodies and metadata.
func forgetAnn(e types.Event) types.Event {
	e.Body = json.RawMessage(strings.ReplaceAll(string(e.Body), "Ann", "?"))
	if e.Metadata.Actor == "Ann" {
		e.Metadata = types.Metadata{}
	}
	return e
}

// traces counts where a name is in everything that is stored of an aggregate.
func traces(t *testing.T, a store.Adapter, id hlc.Timestamp, command string) (n int) {
	t.Helper()
	for _, e := range logOf(t, a, id) {
		meta, err := json.Marshal(e.Metadata)
		require.NoError(t, err)
		n += strings.Count(string(e.Body)+string(meta), "Ann")
	}
	if s := snapshotOf(t, a, id); s != nil {
		n += strings.Count(string(s.Body), "Ann")
	}
	record, err := a.(store.CommandLog).LookupCommand(t.Context(), id, command)
	require.NoError(t, err)
	if record != nil {
		n++
	}
	return n
}

func TestEraseForgetsSomebodyEverywhere(t *testing.T) {
	t.Parallel()
	onEverything(t, func(t *testing.T, open func() store.Adapter) {
		a := open()
		root := newRoot(t, a, nil)
		id := newID(t, root)
		asAnn := types.WithMetadata(t.Context(), types.Metadata{Actor: "Ann", CorrelationID: "c"})
		require.NoError(t, root.Evaluate(asAnn, withID(notes(id, "Ann", "Bob"), "Ann-7")))
		require.NoError(t, root.Evaluate(types.WithMetadata(t.Context(), types.Metadata{Actor: "Bob"}), notes(id, "Ann again")))
		require.NoError(t, root.Snapshot(t.Context(), id))
		require.Equal(t, 11, traces(t, a, id, "Ann-7"))
		before := logOf(t, a, id)

		require.NoError(t, root.Erase(t.Context(), id, forgetAnn))
		require.Zero(t, traces(t, a, id, "Ann-7"))
		after := logOf(t, a, id)
		require.Equal(t, typesOf(before), typesOf(after))
		require.Equal(t, "Bob", after[2].Metadata.Actor)
		want := []string{"?", "Bob", "? again"}
		require.Equal(t, want, get(t, root, id).Notes, "this process reads anew")
		var load aggregate.Loaded
		o := &aggregate.Options{Hooks: aggregate.Hooks{Load: func(_ context.Context, l aggregate.Loaded) { load = l }}}
		require.Equal(t, want, get(t, newRoot(t, open(), o), id).Notes)
		require.EqualValues(t, 3, load.Snapshot, "there is a snapshot of the new log")
	})
}

// TestNoOtherProcessUndoesAnErasure: one that has the aggregate in memory stores a snapshot later,
// at a higher sequence.
func TestNoOtherProcessUndoesAnErasure(t *testing.T) {
	t.Parallel()
	for _, redact := range []bool{false, true} {
		onEverything(t, func(t *testing.T, open func() store.Adapter) {
			here, there := newRoot(t, open(), nil), newRoot(t, open(), nil)
			id := newID(t, here)
			evaluate(t, here, notes(id, "Ann"))
			require.Equal(t, []string{"Ann"}, get(t, there, id).Notes)
			if redact {
				require.NoError(t, here.Redact(t.Context(), id, 1, noted{"?"}))
			} else {
				require.NoError(t, here.Erase(t.Context(), id, forgetAnn))
			}
			evaluate(t, there, notes(id, "Bob"))
			require.ErrorContains(t, there.Snapshot(t.Context(), id), "the log was changed since the state was read, by a redaction")
			require.Zero(t, traces(t, open(), id, "x"))
			require.Equal(t, []string{"?", "Bob"}, get(t, there, id).Notes, "it noticed, and read anew")
			require.NoError(t, there.Snapshot(t.Context(), id))
			require.EqualValues(t, 2, snapshotOf(t, open(), id).Sequence)
			require.Equal(t, []string{"?", "Bob"}, get(t, newRoot(t, open(), nil), id).Notes)
			require.Zero(t, traces(t, open(), id, "x"))
			evaluate(t, here, notes(id, "Cy"))
			require.NoError(t, here.Snapshot(t.Context(), id))
		})
	}
}

func TestAnErasureThatTheLogDoesNotSurviveChangesNothing(t *testing.T) {
	t.Parallel()
	root, id := tallyOf(t)
	evaluate(t, root, notes(id, "Ann"), adds(id, 1))
	err := root.Erase(t.Context(), id, func(e types.Event) types.Event {
		e.Body = json.RawMessage(`{"By": "x"}`)
		return e
	})
	_, ok := errors.AsType[*aggregate.EventError](err)
	require.True(t, ok, "%v", err)
	require.ErrorContains(t, err, "aggregate: erase: ")
	require.ErrorIs(t, root.Erase(t.Context(), id, func(e types.Event) types.Event {
		e.Body = json.RawMessage(`{`)
		return e
	}), store.ErrInvalidEvent)
	_, ok = errors.AsType[*types.PanicError](root.Erase(t.Context(), id, func(types.Event) types.Event { panic("boom") }))
	require.True(t, ok)
	require.Equal(t, tally{Total: 1, Notes: []string{"Ann"}, Marks: map[string]int{"Ann": 1}}, fetch(t, root, id))
	require.NoError(t, root.Erase(t.Context(), newID(t, root), forgetAnn), "where nothing is, nothing is to be forgotten")
	require.ErrorIs(t, newRoot(t, plain{memory.New()}, nil).Erase(t.Context(), id, forgetAnn), store.ErrUnsupported)
}

// TestAnErasureReadsAndWritesOnce: what a redaction of each event would read again and again.
func TestAnErasureReadsAndWritesOnce(t *testing.T) {
	t.Parallel()
	s := newTap()
	root := newRoot(t, s, nil)
	id := newID(t, root)
	texts := make([]string, 1000)
	for i := range texts {
		texts[i] = "Ann"
	}
	evaluate(t, root, notes(id, texts...))
	reads, calls := s.reads.Load(), 0
	require.NoError(t, root.Erase(t.Context(), id, func(e types.Event) types.Event { calls++; return forgetAnn(e) }))
	require.EqualValues(t, 1, s.reads.Load()-reads)
	require.Equal(t, 1000, calls)
	require.Zero(t, traces(t, s, id, "x"))
}

// TestAStateWithoutASnapshotHoldsItsPlace: the generation has to stand somewhere, also where a
// snapshot would lose something.
func TestAStateWithoutASnapshotHoldsItsPlace(t *testing.T) {
	t.Parallel()
	s := memory.New()
	d := v1()
	d.PrepareSnapshot = func(aggregate.Instance[countedV1]) (any, error) { return nil, errors.New("none") }
	root, _ := versioned(t, s, d)
	behind, _ := versioned(t, s, v1())
	id := newID(t, root)
	evaluate(t, root, adds(id, 1))
	get(t, behind, id)
	require.NoError(t, root.Erase(t.Context(), id, forgetAnn))
	require.Error(t, behind.Snapshot(t.Context(), id))
	require.NoError(t, behind.Snapshot(t.Context(), id))
	cold, load := versioned(t, s, v1())
	require.Equal(t, countedV1{1}, get(t, cold, id))
	require.EqualValues(t, 1, load.Snapshot)
}
