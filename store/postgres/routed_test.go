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

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// coordinator plays a server that asks others and passes on what they say in words of its own:
// while it is on, a refusal for a unique index comes as an internal error, without code, schema and
// constraint. So Citus does with some statements. While down is set, the server that has the rows
// dies before it can say that a statement is done.
type coordinator struct {
	on   atomic.Bool
	down atomic.Pointer[death]
	told atomic.Int64 // how often it said so
}

// death is what a coordinator says in place of a result.
type death struct {
	pgproto3.ErrorResponse
	tag string // of the statements whose results don't come: what it begins with
}

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
	dead bool // an error was said, and nothing else is before the server is ready for the next query
}

func (c *rewritten) Read(b []byte) (int, error) {
	for c.rest.Len() == 0 {
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
		down := c.by.down.Load()
		switch {
		case head[0] == 'Z':
			c.dead = false
		case c.dead:
			continue
		case down != nil && head[0] == 'C' && bytes.HasPrefix(body, []byte(down.tag)):
			c.dead = true
			c.by.told.Add(1)
			message, _ = down.Encode(nil)
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

// invisible stores event 2 of an aggregate whose event 1 is another transaction's, which the caller
// ends: so a two-phase commit looks that has come to one server and not to another.
func invisible(t *testing.T, pool *pgxpool.Pool, c store.Commit) pgx.Tx {
	t.Helper()
	config := pool.Config()
	config.MaxConns = 2
	config.ConnConfig.Tracer = nil
	other, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(other.Close)
	insert := func(ctx context.Context, q interface {
		Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	}, e types.Event,
	) {
		_, err := q.Exec(ctx, `INSERT INTO event_log ("timestamp", aggregate_id, sequence, type, body) VALUES ($1, $2, $3, $4, $5)`,
			e.Timestamp[:], e.AggregateID[:], int32(e.Sequence), e.Type, string(e.Body))
		require.NoError(t, err)
	}
	tx, err := other.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	insert(t.Context(), tx, c.Events[0])
	insert(t.Context(), other, c.Events[1])
	return tx
}

// stamped gives the events of a commit timestamps from then on.
func stamped(t *testing.T, c store.Commit, then time.Time) store.Commit {
	t.Helper()
	for i := range c.Events {
		at, err := hlc.New(then.UnixMilli()+int64(i), 0, 7)
		require.NoError(t, err)
		c.Events[i].Timestamp = at
	}
	return c
}

func TestAGapThatHasJustAppearedIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	looks := map[string]func(s *postgres.Store, id hlc.Timestamp) (int, error){
		"load": func(s *postgres.Store, id hlc.Timestamp) (n int, err error) {
			for _, err := range s.Load(t.Context(), id, store.Range{}) {
				if err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		},
		"follow": func(s *postgres.Store, id hlc.Timestamp) (int, error) {
			events, _, err := s.Follow(t.Context(), id, 1)
			return len(events), err
		},
	}
	for name, look := range looks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent tracer
			s, pool := spread(t, traced(&sent))
			c := stamped(t, commit(stamp(), 1, 2), time.Now())
			tx := invisible(t, pool, c)
			sent.take()
			read := 0
			done := make(chan error, 1)
			go func() {
				n, err := look(s, c.AggregateID)
				read = n
				done <- err
			}()
			require.Eventually(t, func() bool {
				sent.mu.Lock()
				defer sent.mu.Unlock()
				return len(sent.statements) >= 2
			}, time.Minute, time.Millisecond)
			require.NoError(t, tx.Commit(t.Context()))
			require.NoError(t, <-done)
			require.Equal(t, 2, read)
		})
	}
}

func TestAGapThatStaysIsUnavailableWhileItIsYoung(t *testing.T) {
	t.Parallel()
	s, pool := spread(t)
	c := stamped(t, commit(stamp(), 1, 2), time.Now())
	invisible(t, pool, c)
	root := counted(t, s)
	_, err := root.Fetch(t.Context(), c.AggregateID)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorContains(t, err, "an event is not visible yet")
	require.NotErrorAs(t, err, new(*aggregate.EventError))

	old := stamped(t, commit(stamp(), 1, 2), time.Now().Add(-time.Hour))
	invisible(t, pool, old)
	_, err = root.Fetch(t.Context(), old.AggregateID)
	var fault *aggregate.EventError
	require.ErrorAs(t, err, &fault, "a log that is wrong")
}
