package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

func TestNewRefusesWrongOptions(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	for field, o := range map[string]*postgres.Options{
		"Schema":        {Schema: strings.Repeat("x", 64)},
		"Committers":    {Committers: -1},
		"MaxBatch":      {MaxBatch: -1},
		"CommitTimeout": {CommitTimeout: -1},
		"LockTimeout":   {LockTimeout: time.Microsecond},
	} {
		s, err := postgres.New(pool, o)
		require.Nil(t, s)
		var refused *types.OptionsError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "Options."+field, refused.Field)
		require.ErrorContains(t, err, "postgres: Options."+field+" is ")
		require.ErrorContains(t, err, ": use ")
	}
	_, err := postgres.New(nil, nil)
	require.ErrorContains(t, err, "pool is nil")
}

func TestValidateAsksTheDatabase(t *testing.T) {
	t.Parallel()
	full := pgtest.With(t, &migrations.Options{Metadata: true, Commands: true}, small)
	require.NoError(t, pgtest.Store(t, full, nil).Validate(t.Context()))
	require.NoError(t, pgtest.Store(t, full, &postgres.Options{Metadata: true, Commands: true}).Validate(t.Context()))

	bare := pgtest.Plain(t, small)
	require.NoError(t, pgtest.Store(t, bare, nil).Validate(t.Context()))
	require.ErrorContains(t, pgtest.Store(t, bare, &postgres.Options{Metadata: true}).Validate(t.Context()), "metadata")
	require.ErrorContains(t, pgtest.Store(t, bare, &postgres.Options{Commands: true}).Validate(t.Context()), "commands")
	require.ErrorContains(t, pgtest.Store(t, bare, &postgres.Options{Schema: "elsewhere"}).Validate(t.Context()), "elsewhere")
	require.ErrorContains(t, pgtest.Store(t, pgtest.Pool(t), nil).Validate(t.Context()), "event_log")

	_, err := bare.Exec(t.Context(), `DROP INDEX aggregate_sequence_index`)
	require.NoError(t, err)
	require.ErrorContains(t, pgtest.Store(t, bare, nil).Validate(t.Context()), "ON CONFLICT")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, pgtest.Store(t, full, nil).Validate(ctx), context.Canceled)
}

func TestMissingTablesAreNeitherAConflictNorABusyDatabase(t *testing.T) {
	t.Parallel()
	s := pgtest.Store(t, pgtest.Pool(t), nil)
	for _, projections := range kinds {
		c := commit(stamp(), 1, 1)
		c.Projections = projections
		err := s.Commit(t.Context(), c)
		require.ErrorContains(t, err, "event_log")
		require.False(t, isOneOf(err, store.ErrConflict, store.ErrUnavailable, store.ErrOutcomeUnknown, store.ErrInvalidEvent), "%v", err)
	}
}
