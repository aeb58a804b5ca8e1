package postgres_test

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// pair starts a primary with the tables, and a standby of it.
func pair(t *testing.T) (primary, standby *pgserver.Server) {
	t.Helper()
	pgtest.Program(t, "pg_basebackup")
	primary, err := pgserver.Start(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, primary.Close()) })
	pool := pgtest.Open(t, primary.URL("postgres"))
	require.NoError(t, migrations.Apply(t.Context(), pool, &migrations.Options{Commands: true, Tail: true}))
	standby, err = primary.Standby(t.Context(), "copy")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Close()) })
	require.NoError(t, primary.CaughtUp(t.Context(), standby))
	return primary, standby
}

// ways are those in which a commit may be stored.
func ways(s *postgres.Store, pool *pgxpool.Pool) map[string]func(context.Context) error {
	with := func(projections ...store.Projection) func(context.Context) error {
		return func(ctx context.Context) error {
			c := commit(stamp(), 1, 2)
			c.Projections = projections
			return s.Commit(ctx, c)
		}
	}
	return map[string]func(context.Context) error{
		"one event":  func(ctx context.Context) error { return s.Commit(ctx, commit(stamp(), 1, 1)) },
		"two events": with(),
		"a command id": func(ctx context.Context) error {
			return s.Commit(ctx, store.Commit{AggregateID: stamp(), Commands: []store.CommandRecord{{ID: "a"}}})
		},
		"batched projection": with(nothing),
		"projection":         with(postgres.Projection(func(context.Context, pgx.Tx, types.Event) error { return nil })),
		"in a transaction": func(ctx context.Context) error {
			tx, err := pool.Begin(ctx)
			if err != nil {
				return err
			}
			defer tx.Rollback(ctx)
			return s.Tx(tx).Commit(ctx, commit(stamp(), 1, 2))
		},
		"snapshot": func(ctx context.Context) error {
			return s.CommitSnapshot(ctx, types.Snapshot{AggregateID: stamp(), Sequence: 1, Body: []byte(`1`)})
		},
		"redact": func(ctx context.Context) error {
			return s.Redact(ctx, store.Redaction{AggregateID: stamp(), Events: []types.Event{{Sequence: 1, Body: []byte(`1`)}}})
		},
		"prune": func(ctx context.Context) error {
			_, err := s.PruneCommands(ctx, time.Unix(0, 0))
			return err
		},
	}
}

// hushed keeps from the driver what the server says of its role, as a proxy may.
type hushed struct{ net.Conn }

func (c hushed) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	for _, name := range []string{"in_hot_standby\x00", "default_transaction_read_only\x00"} {
		copy(b, bytes.ReplaceAll(b[:n], []byte(name), append(bytes.Repeat([]byte("x"), len(name)-1), 0)))
	}
	return n, err
}

func hush(c *pgxpool.Config) {
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return hushed{conn}, err
	}
}

func TestAServerThatTakesNoWritesIsUnavailable(t *testing.T) {
	t.Parallel()
	_, standby := pair(t)
	for name, configure := range map[string]func(*pgxpool.Config){"told": oneConn, "found out": hush} {
		t.Run(name, func(t *testing.T) {
			pool := pgtest.Open(t, standby.URL("postgres"), configure)
			s := pgtest.Store(t, pool, &postgres.Options{Commands: true})
			for name, do := range ways(s, pool) {
				err := do(t.Context())
				require.ErrorIs(t, err, store.ErrUnavailable, name)
				require.NotErrorIs(t, err, store.ErrInvalidEvent, name)
				require.ErrorContains(t, err, "takes no writes", name)
			}
			require.ErrorIs(t, s.Validate(t.Context()), store.ErrUnavailable)
			require.ErrorContains(t, s.Validate(t.Context()), "hot standby")
			require.ErrorContains(t, migrations.Validate(t.Context(), pool, nil), "hot standby")
			require.ErrorContains(t, migrations.Apply(t.Context(), pool, nil), "hot standby")
			if name == "told" { // what is read has to be the latest
				require.ErrorIs(t, drain(s.Events(t.Context(), stamp(), store.Range{})), store.ErrUnavailable)
			}
		})
	}
}

// TestConnectionsToAServerThatTakesNoWritesLeaveThePool holds the connection string of
// docs/guide.md to its word.
func TestConnectionsToAServerThatTakesNoWritesLeaveThePool(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	both, err := url.Parse(primary.URL("postgres"))
	require.NoError(t, err)
	both.Host = primary.Address() + "," + standby.Address()
	query := both.Query()
	query.Set("target_session_attrs", "read-write")
	both.RawQuery = query.Encode()

	pool := pgtest.Open(t, both.String(), small)
	s := pgtest.Store(t, pool, nil)
	hold(t, pool)() // all of its connections are to the first server
	admin := pgtest.Open(t, primary.URL("postgres"))
	for _, sql := range []string{`ALTER SYSTEM SET default_transaction_read_only = on`, `SELECT pg_reload_conf()`} {
		_, err := admin.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.NoError(t, standby.Promote(t.Context()))

	failed := 0
	require.Eventually(t, func() bool { // as soon as the server has read its settings
		err := s.Commit(t.Context(), commit(stamp(), 1, 1))
		if err != nil {
			require.ErrorIs(t, err, store.ErrUnavailable)
			failed++
		}
		return failed > 0 && err == nil
	}, time.Minute, time.Millisecond)
	require.Equal(t, 1, failed) // not one for each connection
}

func TestAWaitForAStandbyThatIsCancelledIsNoAnswer(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	pool := pgtest.Open(t, primary.URL("postgres"), small, postgres.WatchStandbys)
	admin := pgtest.Open(t, primary.URL("postgres"))
	var log bytes.Buffer
	s := pgtest.Store(t, pool, &postgres.Options{Commands: true, Logger: textLogger(&log)})
	hasty := pgtest.Store(t, pool, &postgres.Options{CommitTimeout: 300 * time.Millisecond})

	require.NoError(t, s.Flush(t.Context(), hlc.Timestamp{})) // there is nobody to wait for
	require.NoError(t, primary.Synchronous(t.Context(), "copy"))
	require.NoError(t, s.Flush(t.Context(), hlc.Timestamp{}))
	require.NoError(t, s.Validate(t.Context()))
	require.Empty(t, log.String())
	require.NoError(t, pgtest.Store(t, admin, &postgres.Options{Logger: textLogger(&log)}).Validate(t.Context()))
	require.Contains(t, log.String(), "postgres.WatchStandbys")

	require.NoError(t, standby.Stop(t.Context(), pgserver.Fast))
	calls := ways(s, pool)
	delete(calls, "in a transaction") // which the application ends
	calls["flush"] = func(ctx context.Context) error { return s.Flush(ctx, hlc.Timestamp{}) }
	for name, do := range calls {
		if name == "redact" || name == "prune" { // they find nothing
			continue
		}
		done := make(chan error, 1)
		go func() { done <- do(context.WithoutCancel(t.Context())) }()
		cancelWait(t, admin)
		err := <-done
		if name == "flush" {
			require.ErrorIs(t, err, store.ErrUnavailable)
		} else {
			require.ErrorIs(t, err, store.ErrOutcomeUnknown, name)
		}
		require.ErrorContains(t, err, "synchronous standby was cancelled", name)
	}
	err := hasty.Flush(t.Context(), hlc.Timestamp{})
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, "is the synchronous standby there?")

	require.NoError(t, standby.Start(t.Context()))
	require.NoError(t, s.Flush(t.Context(), hlc.Timestamp{}))
}

// cancelWait cancels the one wait for a standby that there is, or is about to be.
func cancelWait(t *testing.T, admin *pgxpool.Pool) {
	t.Helper()
	cancelled := 0
	for cancelled == 0 {
		err := admin.QueryRow(t.Context(), `SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`).Scan(&cancelled)
		require.NoError(t, err)
	}
	require.Equal(t, 1, cancelled)
}
