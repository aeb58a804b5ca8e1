package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

// recording returns a crowd that keeps command IDs.
func recording(t testing.TB) (*postgres.Store, func(calm bool, commits ...store.Commit) []error) {
	t.Helper()
	pool := pgtest.With(t, &migrations.Options{Commands: true}, oneConn)
	s := pgtest.Store(t, pool, &postgres.Options{Commands: true, Committers: 1})
	return s, func(calm bool, commits ...store.Commit) []error {
		s.SetCalm(calm)
		return together(t, s, pool, commits...)
	}
}

func TestACommandIDIsUsedOnceInACrowd(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		t.Run(fmt.Sprint("calm ", calm), func(t *testing.T) {
			t.Parallel()
			s, crowd := recording(t)
			used := commit(stamp(), 1, 2)
			used.Commands = []store.CommandRecord{{ID: "once", Fingerprint: [32]byte{1, 2}, Last: 2}}
			require.NoError(t, s.Commit(t.Context(), used))

			repeated := commit(used.AggregateID, 3, 2)
			repeated.Commands = used.Commands
			twice := commit(stamp(), 1, 1)
			twice.Commands = []store.CommandRecord{{ID: "twice", Last: 1}, {ID: "twice", Last: 1}}
			elsewhere := commit(stamp(), 1, 2)
			elsewhere.Commands = []store.CommandRecord{{ID: "once", Last: 1}, {ID: "more", After: 1, Last: 2}}
			bare := store.Commit{AggregateID: stamp(), Commands: []store.CommandRecord{{ID: "no-op"}}}
			errs := crowd(calm, repeated, twice, elsewhere, bare, commit(stamp(), 1, 3))
			require.ErrorIs(t, errs[0], store.ErrDuplicateCommand)
			require.ErrorIs(t, errs[1], store.ErrDuplicateCommand)
			for _, err := range errs[2:] {
				require.NoError(t, err)
			}
			require.Empty(t, stored(t, s, twice.AggregateID))
			require.Len(t, stored(t, s, used.AggregateID), 2)
			for _, c := range []store.Commit{used, elsewhere, bare} {
				for _, want := range c.Commands {
					got, err := s.LookupCommand(t.Context(), c.AggregateID, want.ID)
					require.NoError(t, err)
					require.Equal(t, &want, got)
				}
			}
			require.ErrorIs(t, s.Commit(t.Context(), bare), store.ErrDuplicateCommand)
		})
	}
}

func TestAConflictComesBeforeADuplicateCommand(t *testing.T) {
	t.Parallel()
	for _, calm := range []bool{true, false} {
		s, crowd := recording(t)
		c := commit(stamp(), 1, 2)
		c.Commands = []store.CommandRecord{{ID: "id", Last: 2}}
		require.NoError(t, s.Commit(t.Context(), c))
		require.ErrorIs(t, crowd(calm, c)[0], store.ErrConflict)
	}
}

func TestOfProcessesRacingWithOneCommandOneStoresIt(t *testing.T) {
	t.Parallel()
	onEach(t, 4, postgres.Options{}, func(t *testing.T, stores []*postgres.Store) {
		for round := range 10 {
			for _, s := range stores {
				s.SetCalm(round%2 == 0)
			}
			id := stamp()
			require.NoError(t, stores[0].Commit(t.Context(), commit(id, 1, 1)))
			record := []store.CommandRecord{{ID: "same", After: 1, Last: 2}}
			var commits []store.Commit
			for i := range 8 {
				c := commit(id, 2, 1)
				if i%2 == 0 {
					c.Events = nil // one that found nothing to do
				}
				c.Commands = record
				commits = append(commits, c)
			}
			won := 0
			for i, err := range race(t, stores, commits) {
				switch {
				case err == nil:
					won++
				case len(commits[i].Events) == 0:
					require.ErrorIs(t, err, store.ErrDuplicateCommand)
				default:
					if err != nil {
						require.True(t, isOneOf(err, store.ErrConflict, store.ErrDuplicateCommand), "%v", err)
					}
				}
			}
			require.Equal(t, 1, won)
		}
	})
}

func TestCommandsAreForgottenByAge(t *testing.T) {
	t.Parallel()
	s, _ := recording(t)
	for range 5 {
		c := commit(stamp(), 1, 1)
		c.Commands = []store.CommandRecord{{ID: "id", Last: 1}}
		require.NoError(t, s.Commit(t.Context(), c))
	}
	n, err := s.PruneCommands(t.Context(), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = s.PruneCommands(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 5, n)
}

func TestWithoutTheTableThereAreNoCommands(t *testing.T) {
	t.Parallel()
	s := pgtest.Store(t, pgtest.Plain(t), nil)
	c := commit(stamp(), 1, 1)
	c.Commands = []store.CommandRecord{{ID: "id", Last: 1}}
	require.ErrorIs(t, s.Commit(t.Context(), c), store.ErrUnsupported)
	_, err := s.LookupCommand(t.Context(), c.AggregateID, "id")
	require.ErrorIs(t, err, store.ErrUnsupported)
	_, err = s.PruneCommands(t.Context(), time.Now())
	require.ErrorIs(t, err, store.ErrUnsupported)
}

func TestACommandRecordHasARangeThatCanBe(t *testing.T) {
	t.Parallel()
	s, _ := recording(t)
	for _, r := range []store.CommandRecord{
		{ID: "id", After: -1},
		{ID: "id", After: 2, Last: 1},
		{ID: "id", Last: types.MaxSequence + 1},
		{ID: "id", After: types.MaxSequence, Last: types.MaxSequence},
	} {
		require.ErrorIs(t, s.Commit(t.Context(), store.Commit{AggregateID: stamp(), Commands: []store.CommandRecord{r}}), store.ErrInvalidEvent)
	}
}
