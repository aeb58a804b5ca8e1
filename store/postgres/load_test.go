package postgres_test

import (
	"bytes"
	"context"
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

func TestALoopThatEndsEarlyGivesTheConnectionBack(t *testing.T) {
	t.Parallel()
	s, pool := crowd(t, nil)
	c := commit(stamp(), 1, 20_000)
	require.NoError(t, s.Commit(t.Context(), c))
	for _, after := range []types.Sequence{0, 19_990} {
		for range 3 {
			for e, err := range s.Events(t.Context(), c.AggregateID, store.Range{After: after}) {
				require.NoError(t, err)
				require.Equal(t, after+1, e.Sequence)
				break
			}
			for _, err := range s.Load(t.Context(), c.AggregateID, store.Range{After: after}) {
				require.NoError(t, err)
				break
			}
		}
	}
	// A connection that is given up takes a moment to close.
	idle := func() bool { return pool.Stat().AcquiredConns() == 0 }
	require.Eventually(t, idle, time.Minute, time.Millisecond)
	func() {
		defer func() { require.Equal(t, "mine", recover()) }()
		for _, err := range s.Events(t.Context(), c.AggregateID, store.Range{}) {
			require.NoError(t, err)
			panic("mine")
		}
	}()
	require.Eventually(t, idle, time.Minute, time.Millisecond)
}

func TestTheEndOfAContextEndsALoad(t *testing.T) {
	t.Parallel()
	s, _ := crowd(t, nil)
	c := commit(stamp(), 1, 20_000)
	require.NoError(t, s.Commit(t.Context(), c))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range s.Events(ctx, c.AggregateID, store.Range{}) {
		cancel()
		last = err
	}
	require.ErrorIs(t, last, context.Canceled)
}

func TestBodiesOfAllSizesAreTheReceiversOwn(t *testing.T) {
	t.Parallel()
	s, _ := crowd(t, nil)
	c := commit(stamp(), 1, 300)
	for i := range c.Events {
		c.Events[i].Body = fmt.Appendf(nil, `"%s"`, bytes.Repeat([]byte{'a' + byte(i%26)}, i*i))
		c.Events[i].Type = fmt.Sprint("type ", i%40)
	}
	require.NoError(t, s.Commit(t.Context(), c))
	got := stored(t, s, c.AggregateID)
	require.Equal(t, c.Events, got)
	for i := range got {
		_ = append(got[i].Body, "overwritten"...)
		clear(got[i].Body)
		if i+1 < len(got) {
			require.Equal(t, c.Events[i+1].Body, got[i+1].Body)
		}
	}
}

func TestMetadataOfAnotherShapeIsPassedOver(t *testing.T) {
	t.Parallel()
	pool := pgtest.With(t, &migrations.Options{Metadata: true}, small)
	var log bytes.Buffer
	s := pgtest.Store(t, pool, &postgres.Options{Metadata: true, Logger: textLogger(&log)})
	c := commit(stamp(), 1, 4)
	for i := range c.Events {
		c.Events[i].Metadata = types.Metadata{CorrelationID: "c", Actor: fmt.Sprint(i / 2)}
	}
	require.NoError(t, s.Commit(t.Context(), c))
	require.Equal(t, c.Events, stored(t, s, c.AggregateID))
	require.Empty(t, log.String())

	_, err := pool.Exec(t.Context(), `UPDATE event_log SET metadata = '[1]' WHERE sequence = 2; UPDATE event_log SET metadata = '{"other": 1}' WHERE sequence = 3`)
	require.NoError(t, err)
	c.Events[1].Metadata, c.Events[2].Metadata = types.Metadata{}, types.Metadata{}
	require.Equal(t, c.Events, stored(t, s, c.AggregateID))
	require.Contains(t, log.String(), c.AggregateID.String())
}

func TestMetadataThatPostgresRefusesIsNamed(t *testing.T) {
	t.Parallel()
	s := pgtest.Store(t, pgtest.With(t, &migrations.Options{Metadata: true}, small), &postgres.Options{Metadata: true})
	c := commit(stamp(), 1, 5)
	c.Events[3].Metadata.Actor = "a\x00b"
	var invalid *store.InvalidEventError
	require.ErrorAs(t, s.Commit(t.Context(), c), &invalid)
	require.Equal(t, "metadata", invalid.Field)
	require.Equal(t, types.Sequence(4), invalid.Sequence)
}
