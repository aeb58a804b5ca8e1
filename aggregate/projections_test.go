package aggregate_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/store/storetest"
	"github.com/eventmaestro/maestro/types"
)

// withoutTime leaves out what differs in each run.
func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// opaque is an adapter that doesn't say which projections it runs.
type opaque struct{ store.Adapter }

func TestOnlyProjectionsThatAreAllForOtherStoresAreWarnedOf(t *testing.T) {
	t.Parallel()
	const warning = `level=WARN msg="no projection of this root runs: all are for other stores; list one for this store, or none" ` +
		"root=tally store=memory projections=[postgres]\n"
	mine := memory.Projection(func(context.Context, *memory.ProjectionTx, types.Event) error { return nil })
	theirs := postgres.Projection(func(context.Context, pgx.Tx, types.Event) error { return nil })
	batched := postgres.BatchProjection(func(*pgx.Batch, types.Event) error { return nil })
	inMemory := memory.New()
	for name, test := range map[string]struct {
		store       store.Adapter
		projections []store.Projection
		want        string
	}{
		"none":                           {inMemory, nil, ""},
		"for this store":                 {inMemory, []store.Projection{mine}, ""},
		"one form for each store":        {inMemory, []store.Projection{theirs, mine}, ""},
		"for another store":              {inMemory, []store.Projection{theirs, batched}, warning},
		"for another store, wrapped":     {storetest.NewFaults(inMemory, 1, nil), []store.Projection{theirs}, warning},
		"for a store that doesn't say":   {opaque{inMemory}, []store.Projection{theirs}, ""},
		"the other way round":            {new(postgres.Store), []store.Projection{mine}, "root=tally store=postgres projections=[memory]\n"},
		"for this store, on the other's": {new(postgres.Store), []store.Projection{batched, mine}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			sup := newSupervisor(t, test.store, &aggregate.Options{
				Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: withoutTime})),
			})
			_, err := aggregate.NewRoot(sup, tallies(func(d *aggregate.Definition[tally]) { d.Projections = test.projections }))
			require.NoError(t, err)
			if test.want == "" {
				require.Empty(t, log.String())
				return
			}
			require.Contains(t, log.String(), test.want)
		})
	}
}
