package memory_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestABodyIsKeptInTheFormOfJsonb(t *testing.T) {
	t.Parallel()
	s := memory.New()
	c := commitOf(now(), 1, 1)
	c.Events[0].Body = []byte(` {"name":"a\u003cb","by":1.50e1,"by":1e2}`)
	require.NoError(t, s.Commit(t.Context(), c))
	for e, err := range s.Events(t.Context(), c.AggregateID, store.Range{}) {
		require.NoError(t, err)
		require.Equal(t, `{"by": 100, "name": "a<b"}`, string(e.Body))
	}
}

func TestPruningGoesByTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		begin := time.Now()
		for day := range 5 {
			id := hlc.Timestamp{15: byte(day + 1)}
			require.NoError(t, s.Commit(t.Context(), store.Commit{
				AggregateID: id, Commands: []store.CommandRecord{{ID: "a"}, {ID: "b"}},
			}))
			time.Sleep(24 * time.Hour)
		}
		n, err := s.PruneCommands(t.Context(), begin.Add(48*time.Hour))
		require.NoError(t, err)
		require.Equal(t, int64(4), n, "those of the first two days, not of the moment itself")
		n, err = s.PruneCommands(t.Context(), begin.Add(48*time.Hour))
		require.NoError(t, err)
		require.Zero(t, n)
		r, err := s.LookupCommand(t.Context(), hlc.Timestamp{15: 3}, "a")
		require.NoError(t, err)
		require.NotNil(t, r)
	})
}

func TestARefusedCommitLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := memory.New()
	a, b := now(), now()
	taken := commitOf(a, 1, 1)
	require.NoError(t, s.Commit(t.Context(), taken))
	c := commitOf(b, 1, 100)
	last := c.Events[99].Timestamp
	c.Events[50].Timestamp = taken.Events[0].Timestamp
	for i := range c.Events { // rising, as Check wants it, around the one that is taken
		if i < 50 {
			c.Events[i].Timestamp = hlc.Timestamp{14: 1, 15: byte(i)}
		}
	}
	require.ErrorIs(t, s.Commit(t.Context(), c), store.ErrDuplicateTimestamp)
	c.Events[50].Timestamp = hlc.Timestamp{14: 1, 15: 200}
	require.Equal(t, last, c.Events[99].Timestamp)
	require.NoError(t, s.Commit(t.Context(), c), "all other timestamps are free again")
}

// TestTheTimestampsOfARefusedCommitAreAsBefore has some whose neighbours are in use, and others
// without any.
func TestTheTimestampsOfARefusedCommitAreAsBefore(t *testing.T) {
	t.Parallel()
	s := memory.New()
	commit := func(stamps ...hlc.Timestamp) error {
		c := commitOf(now(), 1, len(stamps))
		for i := range stamps {
			c.Events[i].Timestamp = stamps[i]
		}
		return s.Commit(t.Context(), c)
	}
	at := func(ms int, counter uint16) hlc.Timestamp {
		stamp, err := hlc.New(int64(ms), counter, 7)
		require.NoError(t, err)
		return stamp
	}
	last := at(1<<40, 0)
	require.NoError(t, commit(last))
	for ms := range 500 {
		if ms%2 == 0 {
			require.NoError(t, commit(at(ms, 8)))
		}
		require.ErrorIs(t, commit(at(ms, 0), at(ms, 16), last), store.ErrDuplicateTimestamp)
		require.NoError(t, commit(at(ms, 0)), "free")
	}
	for ms := range 500 {
		require.ErrorIs(t, commit(at(ms, 0)), store.ErrDuplicateTimestamp, "and then not any more")
		if ms%2 == 0 {
			require.ErrorIs(t, commit(at(ms, 8)), store.ErrDuplicateTimestamp, "as it was")
		}
		require.NoError(t, commit(at(ms, 16)))
	}
}

// TestATimestampIsUniqueWhateverItsBits draws timestamps that are close to each other, in every
// field, for commits of one event and of several. One that is refused uses none of them.
func TestATimestampIsUniqueWhateverItsBits(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	near := func(t *rapid.T, label string, bits int) uint64 {
		if rapid.IntRange(0, 3).Draw(t, "same "+label) > 0 {
			return 1
		}
		return rapid.SampledFrom([]uint64{0, 1, 7, 8, 9, 63, 64, 511, 512, 1<<bits - 1}).Draw(t, label) & (1<<bits - 1)
	}
	stamp := rapid.Custom(func(t *rapid.T) hlc.Timestamp {
		at, err := hlc.New(int64(near(t, "ms", 48)), uint16(near(t, "counter", 16)), near(t, "node", 63))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}).Filter(func(at hlc.Timestamp) bool { return !at.IsZero() })
	rapid.Check(t, func(t *rapid.T) {
		s := memory.New()
		seen := map[hlc.Timestamp]bool{}
		for i := range rapid.IntRange(1, 60).Draw(t, "commits") {
			stamps := rapid.SliceOfNDistinct(stamp, 1, 4, rapid.ID[hlc.Timestamp]).Draw(t, "stamps")
			slices.SortFunc(stamps, hlc.Timestamp.Compare)
			c := commitOf(hlc.Timestamp{0: 9, 15: byte(i)}, 1, len(stamps))
			var want error
			for i, at := range stamps {
				c.Events[i].Timestamp = at
				if seen[at] {
					want = store.ErrDuplicateTimestamp
				}
			}
			if err := s.Commit(ctx, c); !errors.Is(err, want) || (want == nil) != (err == nil) {
				t.Fatalf("%v: %v instead of %v", stamps, err, want)
			}
			for _, at := range stamps {
				seen[at] = seen[at] || want == nil
			}
		}
	})
}

func TestALoopGoesOnWithWhatWasThereWhenAnEventIsRedacted(t *testing.T) {
	t.Parallel()
	s := memory.New()
	c := commitOf(now(), 1, 3)
	require.NoError(t, s.Commit(t.Context(), c))
	var last types.Event
	for e, err := range s.Events(t.Context(), c.AggregateID, store.Range{}) {
		require.NoError(t, err)
		require.NoError(t, s.Redact(t.Context(), store.Redaction{AggregateID: c.AggregateID, Events: []types.Event{{Sequence: 3, Body: []byte(`null`)}}}))
		last = e
	}
	require.JSONEq(t, `{"by": 1}`, string(last.Body))
	for e, err := range s.Events(t.Context(), c.AggregateID, store.Range{After: 2}) {
		require.NoError(t, err)
		require.Equal(t, `null`, string(e.Body))
	}
}
