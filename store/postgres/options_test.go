package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func TestEveryMethodReturnsWhatIsWrongWithTheOptions(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	for field, o := range map[string]*postgres.Options{
		"Schema":        {Schema: strings.Repeat("x", 64)},
		"Committers":    {Committers: -1},
		"MaxBatch":      {MaxBatch: -1},
		"CommitTimeout": {CommitTimeout: -1},
		"LockTimeout":   {LockTimeout: time.Microsecond},
	} {
		s := postgres.New(pool, o)
		id := stamp()
		errs := []error{
			s.Validate(t.Context()), s.Commit(t.Context(), commit(id, 1, 1)),
			s.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: id, Sequence: 1, Body: []byte(`1`)}),
			s.Redact(t.Context(), store.Redaction{AggregateID: id}),
		}
		_, err := s.LatestSnapshot(t.Context(), id, store.Range{})
		errs = append(errs, err)
		_, err = s.LookupCommand(t.Context(), id, "id")
		errs = append(errs, err)
		_, err = s.PruneCommands(t.Context(), time.Now())
		errs = append(errs, err)
		for _, err := range s.Load(t.Context(), id, store.Range{}) {
			errs = append(errs, err)
		}
		for _, err := range s.Events(t.Context(), id, store.Range{}) {
			errs = append(errs, err)
		}
		require.Len(t, errs, 9)
		for _, err := range errs {
			var refused *postgres.OptionsError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, field, refused.Field)
			require.ErrorContains(t, err, "postgres: Options."+field+" is ")
			require.ErrorContains(t, err, ": use ")
		}
	}
	require.ErrorContains(t, postgres.New(nil, nil).Validate(t.Context()), "pool is nil")
}

func TestValidateAsksTheDatabase(t *testing.T) {
	t.Parallel()
	full := pgtest.With(t, &migrations.Options{Metadata: true, Commands: true}, small)
	require.NoError(t, postgres.New(full, nil).Validate(t.Context()))
	require.NoError(t, postgres.New(full, &postgres.Options{Metadata: true, Commands: true}).Validate(t.Context()))

	bare := pgtest.Plain(t, small)
	require.NoError(t, postgres.New(bare, nil).Validate(t.Context()))
	require.ErrorContains(t, postgres.New(bare, &postgres.Options{Metadata: true}).Validate(t.Context()), "metadata")
	require.ErrorContains(t, postgres.New(bare, &postgres.Options{Commands: true}).Validate(t.Context()), "commands")
	require.ErrorContains(t, postgres.New(bare, &postgres.Options{Schema: "elsewhere"}).Validate(t.Context()), "elsewhere")
	require.ErrorContains(t, postgres.New(pgtest.Pool(t), nil).Validate(t.Context()), "event_log")

	_, err := bare.Exec(t.Context(), `DROP INDEX aggregate_sequence_index`)
	require.NoError(t, err)
	require.ErrorContains(t, postgres.New(bare, nil).Validate(t.Context()), "ON CONFLICT")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, postgres.New(full, nil).Validate(ctx), context.Canceled)
}

func TestMissingTablesAreNeitherAConflictNorABusyDatabase(t *testing.T) {
	t.Parallel()
	s := postgres.New(pgtest.Pool(t), nil)
	for _, projections := range kinds {
		c := commit(stamp(), 1, 1)
		c.Projections = projections
		err := s.Commit(t.Context(), c)
		require.ErrorContains(t, err, "event_log")
		require.False(t, isOneOf(err, store.ErrConflict, store.ErrUnavailable, store.ErrOutcomeUnknown, store.ErrInvalidEvent), "%v", err)
	}
}
