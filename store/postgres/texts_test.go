package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// TestTheTextsOfErrors pins what people read, one line an error. What the server and the driver add
// in their own words is left out.
func TestTheTextsOfErrors(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t, small)
	s := pgtest.Store(t, pool, nil)
	invalid := func(o postgres.Options) error { _, err := postgres.New(pool, &o); return err }
	_, noPool := postgres.New(nil, nil)
	refused := func(p store.Projection) error { return s.Commit(t.Context(), projected(p, "x")) }
	projection := func(f func(ctx context.Context, tx pgx.Tx) error) error {
		return refused(postgres.Projection(func(ctx context.Context, tx pgx.Tx, _ types.Event) error { return f(ctx, tx) }))
	}
	const remedy = ": apply the migrations to this database and schema; migrations.Validate names what is missing"
	url, _ := pgtest.Schema(t)
	bare := pgtest.Open(t, url)
	noTables := pgtest.Store(t, bare, &postgres.Options{Commands: true})
	_, noCommands := pgtest.Store(t, pool, &postgres.Options{Commands: true}).LookupCommand(t.Context(), stamp(), "a")
	recorded := store.Commit{AggregateID: stamp(), Commands: []store.CommandRecord{{ID: "a"}}}
	id := stamp()
	require.NoError(t, s.Commit(t.Context(), commit(id, 1, 1)))
	for _, test := range []struct {
		err  error
		text string
	}{
		{noPool, "postgres: the pool is nil: give New a *pgxpool.Pool"},
		{
			invalid(postgres.Options{Schema: strings.Repeat("x", 64)}),
			"postgres: Options.Schema is 64 bytes long, more than 63: use 1 to 63 bytes of UTF-8, none of them NUL",
		},
		{invalid(postgres.Options{Committers: -1}), "postgres: Options.Committers is -1: use 1 or more, or 0 for the default"},
		{invalid(postgres.Options{MaxBatch: -1}), "postgres: Options.MaxBatch is -1: use 1 or more, or 0 for the default"},
		{invalid(postgres.Options{CommitTimeout: -1}), "postgres: Options.CommitTimeout is -1ns: use a positive duration, or 0 for the default"},
		{invalid(postgres.Options{LockTimeout: time.Microsecond}), "postgres: Options.LockTimeout is 1µs: use a millisecond or more, or 0 for the default"},
		{pgtest.Store(t, pool, &postgres.Options{Metadata: true}).Validate(t.Context()), "postgres: validate: events: ERROR: column …" + remedy},
		{noTables.Validate(t.Context()), `postgres: validate: events: ERROR: relation "event_log" does not exist …` + remedy},
		{readAll(noTables, id), "postgres: load aggregate " + id.String() + ": ERROR: relation …" + remedy},
		{noTables.Commit(t.Context(), commit(id, 1, 1)), `postgres: commit events: ERROR: relation "event_log" does not exist …` + remedy},
		{noTables.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: id, Sequence: 1, Body: []byte("{}")}), `postgres: commit snapshot: ERROR: relation "event_log" does not exist …` + remedy},
		{noCommands, `postgres: look up command "a": ERROR: relation "commands" does not exist …` + remedy},
		{s.Commit(t.Context(), recorded), "store: not supported: command ids: apply the commands migration and set postgres.Options.Commands"},
		{s.Commit(t.Context(), commit(id, 1, 1)), "store: sequence conflict"},
		{s.Redact(t.Context(), store.Redaction{AggregateID: id, Events: []types.Event{{Sequence: 7, Body: []byte("{}")}}}), "store: no such event: aggregate " + id.String() + ", sequence 7"},
		{
			projection(func(ctx context.Context, tx pgx.Tx) error { _, _ = tx.Exec(ctx, "nonsense"); return nil }),
			"store: projection of event … sequence 1: postgres: the projection ignored an error of its transaction",
		},
		{
			projection(func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Query(ctx, "SELECT 1") //nolint:sqlclosecheck // that is the fault
				return err
			}),
			"store: projection of event … sequence 1: postgres: the projection left rows or a batch open",
		},
		{
			projection(func(ctx context.Context, tx pgx.Tx) error { return tx.Commit(ctx) }),
			"store: projection of event … sequence 1: postgres: the transaction of a projection ends with the commit",
		},
		{
			refused(postgres.BatchProjection(func(b *pgx.Batch, _ types.Event) error { b.Queue("COMMIT"); return nil })),
			"store: projection of event … sequence 1: postgres: the transaction of a projection ends with the commit: COMMIT",
		},
		{
			refused(postgres.BatchProjection(func(*pgx.Batch, types.Event) error { panic("boom") })),
			"store: projection of event … sequence 1: panic: boom",
		},
	} {
		before, after, _ := strings.Cut(test.text, "…")
		require.Error(t, test.err, test.text)
		require.True(t, strings.HasPrefix(test.err.Error(), before) && strings.HasSuffix(test.err.Error(), after), "%v", test.err)
		require.Equal(t, strings.Contains(test.text, "…"), test.err.Error() != test.text, "%v", test.err)
	}
}

func readAll(s *postgres.Store, id hlc.Timestamp) error {
	for _, err := range s.Load(context.Background(), id, store.Range{}) {
		if err != nil {
			return err
		}
	}
	return nil
}
