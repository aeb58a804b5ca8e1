package postgres_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// coordinator plays a server that asks others and passes on what they say in words of its own: while it is on, a refusal for a
// unique index comes as an internal error, without code, schema and constraint. So Citus does with some statements.
type coordinator struct{ on atomic.Bool }

func (x *coordinator) tap(c *pgxpool.Config) {
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &rewritten{Conn: conn, by: x}, err
	}
}

// rewritten reads whole messages of the server and hands out what the coordinator makes of them.
type rewritten struct {
	net.Conn
	by   *coordinator
	rest bytes.Buffer
}

func (c *rewritten) Read(b []byte) (int, error) {
	if c.rest.Len() == 0 {
		head := make([]byte, 5)
		if _, err := io.ReadFull(c.Conn, head); err != nil {
			return 0, err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(c.Conn, body); err != nil {
			return 0, err
		}
		var said pgproto3.ErrorResponse
		message := append(head, body...)
		if head[0] == 'E' && c.by.on.Load() && said.Decode(body) == nil && said.Code == "23505" {
			internal := pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: "XX000", Message: said.Message}
			message, _ = internal.Encode(nil)
		}
		c.rest.Write(message)
	}
	return c.rest.Read(b)
}

// spread is a store for a distributed database, of one connection.
func spread(t *testing.T, configure ...func(*pgxpool.Config)) (*postgres.Store, *pgxpool.Pool) {
	t.Helper()
	pool := pgtest.With(t, &migrations.Options{Sharded: true, Commands: true}, append(configure, oneConn)...)
	return pgtest.Store(t, pool, &postgres.Options{Distributed: true, Commands: true, Committers: 1, LockTimeout: time.Second}), pool
}

func TestARefusalInWordsThatNobodyKnowsLeavesTheOutcomeOpen(t *testing.T) {
	t.Parallel()
	for _, distributed := range []bool{true, false} {
		x := &coordinator{}
		s, pool := spread(t, x.tap)
		if !distributed {
			s = pgtest.Store(t, pool, &postgres.Options{Commands: true, Committers: 1})
		}
		id := stamp()
		require.NoError(t, s.Commit(t.Context(), commit(id, 1, 3)))
		x.on.Store(true)
		err := s.Commit(t.Context(), commit(id, 2, 2))
		require.ErrorIs(t, err, store.ErrOutcomeUnknown)
		if !distributed { // the repeat meets no unique index
			require.ErrorIs(t, s.Commit(t.Context(), commit(id, 2, 2)), store.ErrConflict)
			continue
		}
		x.on.Store(false)
		errs := together(t, s, pool, commit(stamp(), 1, 2), commit(id, 2, 2), commit(id, 4, 1), commit(stamp(), 1, 1))
		require.NoError(t, errs[0])
		require.ErrorIs(t, errs[1], store.ErrConflict)
		require.NoError(t, errs[2])
		require.NoError(t, errs[3])
	}
}

func TestACommitThatWaitsForAnothersRowIsNoMatterToItsNeighbours(t *testing.T) {
	t.Parallel()
	s, pool := spread(t)
	id := stamp()
	other, err := pgx.Connect(t.Context(), pool.Config().ConnString())
	require.NoError(t, err)
	tx, err := other.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Tx(tx).Commit(t.Context(), commit(id, 1, 1)))

	defer tx.Rollback(context.WithoutCancel(t.Context()))
	errs := together(t, s, pool, commit(id, 1, 2), commit(stamp(), 1, 1), commit(stamp(), 1, 2), commit(stamp(), 1, 1))
	require.ErrorIs(t, errs[0], store.ErrUnavailable)
	require.ErrorContains(t, errs[0], "wait for")
	for _, err := range errs[1:] {
		require.NoError(t, err)
	}
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, other.Close(t.Context()))
	require.NoError(t, s.Commit(t.Context(), commit(id, 1, 2)))
}

func TestACrowdOfRoutedCommitsSharesARoundTripAndNoFate(t *testing.T) {
	t.Parallel()
	w := &wire{}
	s, pool := spread(t, w.tap)
	id := stamp()
	first := commit(id, 1, 2)
	require.NoError(t, s.Commit(t.Context(), first))
	next := commit(id, 3, 2) // what is prepared once
	next.Predecessor = first.Events[1].Timestamp
	next.Commands = []store.CommandRecord{{ID: "a", After: 2, Last: 4}}
	require.NoError(t, s.Commit(t.Context(), next))
	w.take()
	for _, err := range together(t, s, pool, commit(stamp(), 1, 2), commit(stamp(), 1, 2), commit(stamp(), 1, 2)) {
		require.NoError(t, err)
	}
	require.Equal(t, 1, w.take())

	gone, gap, used, bad := commit(id, 5, 1), commit(stamp(), 2, 2), commit(stamp(), 1, 1), commit(stamp(), 1, 2)
	gone.Predecessor = stamp()
	used.Commands = []store.CommandRecord{{ID: "a", Last: 1}, {ID: "a", Last: 1}}
	bad.Events[1].Body = []byte(`"\u0000"`)
	errs := together(t, s, pool, gone, commit(stamp(), 1, 1), gap, used, bad, commit(stamp(), 1, 3))
	require.ErrorIs(t, errs[0], store.ErrNoPredecessor)
	require.NoError(t, errs[1])
	require.ErrorIs(t, errs[2], store.ErrNoPredecessor)
	require.ErrorIs(t, errs[3], store.ErrDuplicateCommand)
	require.ErrorIs(t, errs[4], store.ErrInvalidEvent)
	require.NoError(t, errs[5])
	require.Empty(t, stored(t, s, used.AggregateID))
	require.Len(t, stored(t, s, id), 4)

	_, err := pool.Exec(t.Context(), `DEALLOCATE ALL`)
	require.NoError(t, err)
	for _, err := range together(t, s, pool, commit(stamp(), 1, 2), commit(stamp(), 1, 1)) {
		require.NoError(t, err)
	}
}

func TestValidateFindsTablesThatAreSpread(t *testing.T) {
	t.Parallel()
	pool := pgtest.With(t, &migrations.Options{Sharded: true, Commands: true}, small)
	var log strings.Builder
	s := pgtest.Store(t, pool, &postgres.Options{Commands: true, Logger: textLogger(&log)})
	_, err := pool.Exec(t.Context(), `CREATE TABLE pg_dist_partition (logicalrelid regclass)`) // Citus has one
	require.NoError(t, err)
	require.NoError(t, s.Validate(t.Context()))
	require.False(t, s.Routes())
	_, err = pool.Exec(t.Context(), `INSERT INTO pg_dist_partition VALUES ('event_log')`)
	require.NoError(t, err)
	require.NoError(t, s.Validate(t.Context()))
	require.True(t, s.Routes())
	require.Contains(t, log.String(), "event_log is spread over servers")
	require.NoError(t, s.Commit(t.Context(), commit(stamp(), 1, 2)))
	require.NoError(t, s.Validate(t.Context()))
}
