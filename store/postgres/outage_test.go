package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// deaths are what a coordinator says of a server that died: Citus of one that it can't do without
// (which comes without a code of its own), of one that it could not reach, and the server itself
// where it was shut down.
var deaths = map[string]pgproto3.ErrorResponse{
	"essential":  {Code: "XX000", Message: "failure on connection marked as essential: 10.0.0.2:5432"},
	"connection": {Code: "08006", Message: "connection to the remote node 10.0.0.2:5432 failed with the following error: server closed the connection unexpectedly"},
	"shut down":  {Code: "57P01", Message: "terminating connection due to administrator command"},
}

// commitsBy are the ways in which a commit may reach a distributed database.
var commitsBy = map[string]func(ctx context.Context, s *postgres.Store, pool *pgxpool.Pool, c store.Commit) error{
	"plain": func(ctx context.Context, s *postgres.Store, _ *pgxpool.Pool, c store.Commit) error {
		return s.Commit(ctx, c)
	},
	"command id": func(ctx context.Context, s *postgres.Store, _ *pgxpool.Pool, c store.Commit) error {
		c.Commands = []store.CommandRecord{{ID: "a", After: c.Events[0].Sequence - 1, Last: c.Events[len(c.Events)-1].Sequence}}
		return s.Commit(ctx, c)
	},
	"batched projection": func(ctx context.Context, s *postgres.Store, _ *pgxpool.Pool, c store.Commit) error {
		c.Projections = []store.Projection{nothing}
		return s.Commit(ctx, c)
	},
	"projection": func(ctx context.Context, s *postgres.Store, _ *pgxpool.Pool, c store.Commit) error {
		c.Projections = []store.Projection{postgres.Projection(func(context.Context, pgx.Tx, types.Event) error { return nil })}
		return s.Commit(ctx, c)
	},
	"transaction of the library": func(ctx context.Context, s *postgres.Store, _ *pgxpool.Pool, c store.Commit) error {
		tx, err := s.BeginTx(ctx)
		if err != nil {
			return err
		}
		defer tx.Abort(ctx)
		if err := tx.Stage(c); err != nil {
			return err
		}
		return tx.End(ctx)
	},
	"transaction of the application": func(ctx context.Context, s *postgres.Store, pool *pgxpool.Pool, c store.Commit) error {
		tx, err := pool.Begin(ctx)
		if err != nil {
			return fmt.Errorf("%w: %w", store.ErrUnavailable, err) // the application's own statement, as is the following
		}
		defer tx.Rollback(context.WithoutCancel(ctx))
		if err := s.Tx(tx).Commit(ctx, c); err != nil {
			return err
		}
		if err := tx.Commit(ctx); err != nil {
			return fmt.Errorf("%w: %w", store.ErrOutcomeUnknown, err)
		}
		return nil
	},
}

// survives checks that an outage leaves a commit in no doubt that a repeat does not end.
func survives(t *testing.T, s *postgres.Store, pool *pgxpool.Pool, by string, c store.Commit, begin, end func()) {
	t.Helper()
	commit := commitsBy[by]
	before := len(stored(t, s, c.AggregateID))
	begin()
	err := commit(t.Context(), s, pool, c)
	end()
	require.True(t, isOneOf(err, store.ErrUnavailable, store.ErrOutcomeUnknown), "%v", err)
	if !isOneOf(err, store.ErrOutcomeUnknown) {
		require.Len(t, stored(t, s, c.AggregateID), before, "what is unavailable stores nothing: %v", err)
	}
	require.True(t, isOneOf(commit(t.Context(), s, pool, c), nil, store.ErrConflict, store.ErrDuplicateCommand))
	events := stored(t, s, c.AggregateID)
	require.Len(t, events, before+len(c.Events))
	for i, e := range events[before:] {
		require.Equal(t, c.Events[i].Timestamp, e.Timestamp)
	}
}

func TestAnOutageOfAServerBehindTheCoordinatorIsNoDefiniteError(t *testing.T) {
	t.Parallel()
	for form, said := range deaths {
		said.Severity, said.SeverityUnlocalized = "ERROR", "ERROR"
		for by := range commitsBy {
			t.Run(form+"/"+by, func(t *testing.T) {
				t.Parallel()
				x := &coordinator{}
				s, pool := spread(t, x.tap)
				first := commit(stamp(), 1, 2)
				require.NoError(t, s.Commit(t.Context(), first))
				next := func() store.Commit {
					events := stored(t, s, first.AggregateID)
					c := commit(first.AggregateID, types.Sequence(len(events)+1), 2)
					c.Predecessor = events[len(events)-1].Timestamp
					return c
				}
				over := func() { x.down.Store(nil) }
				for _, tag := range []string{"", "INSERT", "COMMIT"} { // what was done, and nobody told of it
					dies := func() { x.down.Store(&death{said, tag}) }
					if tag == "COMMIT" && by == "plain" {
						continue // it has none
					}
					if by != "command id" { // which is used up
						survives(t, s, pool, by, next(), dies, over)
					}
					survives(t, s, pool, by, commit(stamp(), 1, 1), dies, over)
				}
				// What was not done.
				exec := func(sql string) {
					_, err := pool.Exec(t.Context(), sql)
					require.NoError(t, err)
				}
				exec(fmt.Sprintf(`CREATE FUNCTION dies() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING ERRCODE = '%s', MESSAGE = '%s'; END $$`, said.Code, said.Message))
				for _, when := range []string{`TRIGGER dies BEFORE INSERT`, `CONSTRAINT TRIGGER dies AFTER INSERT`} {
					deferred := ""
					if when[0] == 'C' {
						deferred = "DEFERRABLE INITIALLY DEFERRED" // that is, with COMMIT
					}
					dies := func() { exec("CREATE " + when + " ON event_log " + deferred + " FOR EACH ROW EXECUTE FUNCTION dies()") }
					over := func() { exec("DROP TRIGGER dies ON event_log") }
					if by != "command id" {
						survives(t, s, pool, by, next(), dies, over)
					}
					survives(t, s, pool, by, commit(stamp(), 1, 2), dies, over)
				}
			})
		}
	}
}

func TestAnOutageOfAServerBehindTheCoordinatorMakesReadsUnavailable(t *testing.T) {
	t.Parallel()
	for form, said := range deaths {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			said.Severity, said.SeverityUnlocalized = "ERROR", "ERROR"
			x := &coordinator{}
			s, _ := spread(t, x.tap)
			c := commit(stamp(), 1, 2)
			require.NoError(t, s.Commit(t.Context(), c))
			id := c.AggregateID
			x.down.Store(&death{ErrorResponse: said})
			for what, read := range map[string]func() error{
				"load":     func() error { return drain(s.Load(t.Context(), id, store.Range{})) },
				"events":   func() error { return drain(s.Events(t.Context(), id, store.Range{})) },
				"follow":   func() error { _, _, err := s.Follow(t.Context(), id, 1); return err },
				"rises":    func() error { _, err := s.Rises(t.Context(), id, store.Range{}); return err },
				"command":  func() error { _, err := s.LookupCommand(t.Context(), id, "a"); return err },
				"snapshot": func() error { _, err := s.LatestSnapshot(t.Context(), id, store.Range{}); return err },
				"flush":    func() error { return s.Flush(t.Context(), id) },
				"validate": func() error { return s.Validate(t.Context()) },
			} {
				require.ErrorIs(t, read(), store.ErrUnavailable, what)
			}
			err := s.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: id, Sequence: 1, Body: []byte(`1`)})
			require.True(t, isOneOf(err, store.ErrUnavailable, store.ErrOutcomeUnknown), "%v", err)
			err = s.Redact(t.Context(), store.Redaction{AggregateID: id, Events: []types.Event{{Sequence: 1, Body: []byte(`1`)}}})
			require.True(t, isOneOf(err, store.ErrUnavailable, store.ErrOutcomeUnknown), "%v", err)
			x.down.Store(nil)
			require.Len(t, stored(t, s, id), 2)
		})
	}
}

func TestACommandOutlivesAnOutageOfAServerBehindTheCoordinator(t *testing.T) {
	t.Parallel()
	x := &coordinator{}
	s, _ := spread(t, x.tap)
	root := counted(t, s)
	for _, said := range deaths {
		said.Severity, said.SeverityUnlocalized = "ERROR", "ERROR"
		id, err := root.NewID(t.Context())
		require.NoError(t, err)
		command := types.Command{AggregateID: id, Type: "count"}
		require.NoError(t, root.Evaluate(t.Context(), command))
		x.told.Store(0)
		x.down.Store(&death{ErrorResponse: said})
		done := make(chan error, 1)
		go func() { done <- root.Evaluate(t.Context(), command) }()
		require.Eventually(t, func() bool { return x.told.Load() > 1 }, time.Minute, time.Millisecond, "it was sent again")
		x.down.Store(nil)
		require.NoError(t, <-done)
		n, err := root.Fetch(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, 2, n)
	}
}
