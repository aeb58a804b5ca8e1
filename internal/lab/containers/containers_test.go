package containers_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/lab/containers"
	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
)

func TestAContainerTakesConnectionsUntilItIsStopped(t *testing.T) {
	t.Parallel()
	pgtest.Docker(t)
	url, stop, err := containers.Postgres(t.Context())
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	var superuser string
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW is_superuser").Scan(&superuser))
	require.Equal(t, "on", superuser)
	require.NoError(t, conn.Close(t.Context()))

	require.NoError(t, stop())
	_, err = pgx.Connect(t.Context(), url)
	require.Error(t, err)
}

func TestTheEndOfTheContextEndsAStart(t *testing.T) {
	t.Parallel()
	pgtest.Docker(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, _, err := containers.Postgres(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestAnImageThatIsNotThereIsNamed(t *testing.T) {
	pgtest.Docker(t)
	t.Setenv(pgserver.EnvImage, "maestro-no-such-image:0")
	_, _, err := containers.Postgres(t.Context())
	require.ErrorContains(t, err, "containers: start maestro-no-such-image:0")
}
