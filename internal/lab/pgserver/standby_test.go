package pgserver_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
)

func TestAStandbyHasWhatThePrimaryHadAndWhatItWrites(t *testing.T) {
	t.Parallel()
	primary := start(t, nil)
	query(t, primary, "CREATE TABLE kept AS SELECT 1 AS n")
	standby := follow(t, primary)
	require.NotEqual(t, primary.Port(), standby.Port())
	require.Equal(t, "true", query(t, standby, "SELECT pg_is_in_recovery()::text"))
	query(t, primary, "INSERT INTO kept VALUES (2)")
	require.NoError(t, primary.CaughtUp(t.Context(), standby))
	require.Equal(t, "2", query(t, standby, "SELECT count(*)::text FROM kept"))

	require.NoError(t, standby.Restart(t.Context(), pgserver.Fast))
	query(t, primary, "INSERT INTO kept VALUES (3)")
	require.NoError(t, primary.CaughtUp(t.Context(), standby))
	require.Equal(t, "3", query(t, standby, "SELECT count(*)::text FROM kept"))
}

func TestAPromotedStandbyLacksWhatItHadNotReceivedAndTheOldPrimaryFollowsIt(t *testing.T) {
	t.Parallel()
	primary := start(t, nil)
	query(t, primary, "CREATE TABLE kept AS SELECT 1 AS n")
	standby := follow(t, primary)
	require.NoError(t, standby.Detach(t.Context()))
	query(t, primary, "INSERT INTO kept VALUES (2)")
	require.NoError(t, primary.Kill(t.Context()))
	require.NoError(t, standby.Promote(t.Context()))
	require.Equal(t, "1", query(t, standby, "SELECT count(*)::text FROM kept"))
	query(t, standby, "INSERT INTO kept VALUES (3), (4)")

	port := primary.Port()
	require.NoError(t, primary.Rejoin(t.Context(), standby, "other"))
	require.Equal(t, port, primary.Port())
	require.NoError(t, standby.CaughtUp(t.Context(), primary))
	require.Equal(t, "1,3,4", query(t, primary, "SELECT string_agg(n::text, ',' ORDER BY n) FROM kept"))
	require.ErrorIs(t, primary.Rejoin(t.Context(), standby, "other"), pgserver.ErrRunning)
}

func TestADetachedStandbyCatchesUpWhenItIsAttached(t *testing.T) {
	t.Parallel()
	primary := start(t, nil)
	standby := follow(t, primary)
	require.NoError(t, standby.Detach(t.Context()))
	query(t, primary, "CREATE TABLE kept ()")
	require.Equal(t, "", query(t, standby, "SELECT coalesce(to_regclass('kept')::text, '')"))
	require.NoError(t, standby.Attach(t.Context(), primary, "other"))
	require.NoError(t, primary.CaughtUp(t.Context(), standby))
	require.Equal(t, "kept", query(t, standby, "SELECT to_regclass('kept')::text"))
}

func TestCommitsWaitForASynchronousStandby(t *testing.T) {
	t.Parallel()
	primary := start(t, nil)
	standby := follow(t, primary)
	query(t, primary, "CREATE TABLE kept (n int)")
	require.NoError(t, primary.Synchronous(t.Context(), "FIRST 1 (follower)"))
	query(t, primary, "INSERT INTO kept VALUES (1)")

	require.NoError(t, standby.Stop(t.Context(), pgserver.Fast))
	waits := insert(t, primary)
	require.Eventually(t, func() bool {
		return query(t, primary, "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1"
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, standby.Start(t.Context()))
	require.NoError(t, <-waits)

	require.NoError(t, standby.Detach(t.Context()))
	require.NoError(t, primary.Synchronous(t.Context(), ""))
	require.NoError(t, <-insert(t, primary), "nobody is waited for any more")
	require.NoError(t, standby.Promote(t.Context()))
	require.NoError(t, <-insert(t, standby), "the copy waits for nobody")
}

// insert stores a row, and tells when the server has answered.
func insert(t *testing.T, s *pgserver.Server) <-chan error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.WithoutCancel(t.Context()), "INSERT INTO kept VALUES (2)")
		_ = conn.Close(context.WithoutCancel(t.Context()))
		done <- err
	}()
	return done
}

// follow starts a standby that ends with the test.
func follow(t *testing.T, primary *pgserver.Server) *pgserver.Server {
	t.Helper()
	standby, err := primary.Standby(t.Context(), "follower")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Close()) })
	return standby
}
