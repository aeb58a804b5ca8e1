package golden_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithServer(m)) }

// expectation is what the original says about one aggregate.
type expectation struct {
	ID     string          `json:"aggregate_id"`
	Text   string          `json:"string"`
	Last   types.Sequence  `json:"last_sequence"`
	State  json.RawMessage `json:"state"`
	Replay []struct {
		Sequence types.Sequence  `json:"seq"`
		State    json.RawMessage `json:"state"`
	} `json:"replay"`
}

func expectations(t testing.TB) (list []expectation) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(read(t, "golden-expected.json")), &list))
	require.Len(t, list, 6)
	return list
}

// equal compares two JSON values, numbers by their digits.
func equal(t testing.TB, want json.RawMessage, got any) {
	t.Helper()
	encoded, err := json.Marshal(got)
	require.NoError(t, err)
	require.Equal(t, decode(t, string(want)), decode(t, string(encoded)))
}

func decode(t testing.TB, s string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	require.NoError(t, d.Decode(&v))
	return v
}

func open(t testing.TB, s store.Adapter, o *aggregate.Options) *aggregate.Root[counter] {
	t.Helper()
	sup, err := aggregate.NewSupervisor(s, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		require.NoError(t, sup.Shutdown(ctx))
	})
	root, err := aggregate.NewRoot(sup, definition())
	require.NoError(t, err)
	return root
}

func onEveryStore(t *testing.T, test func(t *testing.T, s store.Adapter)) {
	t.Helper()
	for name, load := range map[string]func(testing.TB) store.Adapter{
		"postgres": restored, "partitioned": partitioned, "memory": parsed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, load(t))
		})
	}
}

func TestEveryStateOfTheOriginalIsReproduced(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store.Adapter) {
		root := open(t, s, nil)
		replayed, latest := 0, 0
		for _, want := range expectations(t) {
			id := timestamp(t, want.ID)
			require.Equal(t, want.Text, id.String())
			require.Len(t, want.Replay, int(want.Last)+1)
			for n, step := range want.Replay {
				require.EqualValues(t, n, step.Sequence)
				state, err := root.Replay(t.Context(), id, step.Sequence)
				require.NoError(t, err)
				equal(t, step.State, state)
				replayed++
			}
			current, err := root.FetchInstance(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, want.Last, current.Sequence)
			equal(t, want.State, current.State)
			latest++
		}
		require.Equal(t, 88, replayed)
		require.Equal(t, 6, latest)
	})
}

func TestTheSnapshotsOfTheOriginalAreUsed(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store.Adapter) {
		used := map[string]types.Sequence{}
		root := open(t, s, &aggregate.Options{Hooks: aggregate.Hooks{Load: func(_ context.Context, l aggregate.Loaded) {
			used[l.AggregateID.String()] = l.Snapshot
			require.Equal(t, int(l.Sequence-l.Snapshot), l.Events, "only what comes after it is applied")
		}}})
		at := map[string]types.Sequence{}
		for i, want := range expectations(t) {
			id := timestamp(t, want.ID)
			state, err := root.Get(t.Context(), id)
			require.NoError(t, err)
			equal(t, want.State, state)
			at[id.String()] = []types.Sequence{0, 13, 0, 16, 30, 0}[i]
		}
		require.Equal(t, at, used)
	})
}

func TestEventsAreReadInTheOrderOfTheirSequences(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store.Adapter) {
		root, n := open(t, s, nil), 0
		for _, want := range expectations(t) {
			last := types.Sequence(0)
			for e, err := range root.History(t.Context(), timestamp(t, want.ID), store.Range{}) {
				require.NoError(t, err)
				last++
				require.Equal(t, last, e.Sequence)
				n++
			}
			require.Equal(t, want.Last, last)
		}
		require.Equal(t, events, n)
	})
}

func TestTheLogGoesOnWhereTheOriginalStopped(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store.Adapter) {
		root := open(t, s, nil)
		for _, want := range expectations(t) {
			id := timestamp(t, want.ID)
			before, err := root.Get(t.Context(), id)
			require.NoError(t, err)
			for kind, data := range map[string]any{
				"increment_counter": nil, "name_counter": named{"port"}, "tag_counter": tagged{json.RawMessage(`{"b": [1.50], "a": null}`)},
			} {
				require.NoError(t, root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: kind, Data: data}))
			}
			require.NoError(t, root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "decrement_counter"}))
			require.NoError(t, root.Snapshot(t.Context(), id))
			for _, r := range []*aggregate.Root[counter]{root, open(t, s, nil)} {
				after, err := r.FetchInstance(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, want.Last+4, after.Sequence)
				require.Equal(t, before.Value, after.State.Value)
				require.Equal(t, "port", *after.State.Name)
				require.Len(t, after.State.Tags, len(before.Tags)+1)
			}
		}
	})
}
