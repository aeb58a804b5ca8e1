package postgres_test

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

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

// A commit beside its limit: what the same callers reach with one prepared INSERT an event. Run
// with
//
//	go test -run '^$' -bench Commit ./store/postgres
func BenchmarkCommit(b *testing.B) {
	url := durable(b)
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			b.Run("insert", func(b *testing.B) {
				pool := tables(b, url, min(callers, 16))
				parallel(b, callers, func(a *source) error { return insert(b, pool, a.next()) })
			})
			b.Run("commit", func(b *testing.B) {
				s := pgtest.Store(b, tables(b, url, 4), nil)
				parallel(b, callers, func(a *source) error { return s.Commit(b.Context(), a.commit()) })
			})
		})
	}
}

// A commit with a projection beside one transaction in one round trip.
func BenchmarkProjection(b *testing.B) {
	url := durable(b)
	const callers = 64
	b.Run("transaction", func(b *testing.B) {
		pool := tables(b, url, 16)
		parallel(b, callers, func(a *source) error {
			e := a.next()
			batch := &pgx.Batch{}
			batch.Queue("BEGIN")
			batch.Queue(insertSQL, e.Timestamp, e.AggregateID, e.Sequence, e.Type, e.Body)
			batch.Queue(projectSQL, e.AggregateID, e.Sequence)
			batch.Queue("COMMIT")
			return pool.SendBatch(b.Context(), batch).Close()
		})
	})
	b.Run("commit", func(b *testing.B) {
		s := pgtest.Store(b, tables(b, url, 4), nil)
		project := []store.Projection{postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
			b.Queue(projectSQL, e.AggregateID, e.Sequence)
			return nil
		})}
		parallel(b, callers, func(a *source) error {
			c := a.commit()
			c.Projections = project
			return s.Commit(b.Context(), c)
		})
	})
}

// A cold start of 10,000 events beside a scan of the same rows.
func BenchmarkLoad(b *testing.B) {
	pool := tables(b, durable(b), 4)
	s := pgtest.Store(b, pool, nil)
	a := &source{id: numbered(1), clock: 1}
	c := store.Commit{AggregateID: a.id}
	for range 10_000 {
		c.Events = append(c.Events, a.next())
	}
	require.NoError(b, s.Commit(b.Context(), c))
	decode := func(body []byte) {
		var v struct{ By int }
		require.NoError(b, json.Unmarshal(body, &v))
	}
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rows, err := pool.Query(b.Context(), scanSQL, a.id[:])
			require.NoError(b, err)
			for rows.Next() {
				var timestamp, aggregate, body []byte
				var sequence int32
				var name string
				require.NoError(b, rows.Scan(&timestamp, &aggregate, &sequence, &name, &body))
				decode(body)
			}
			require.NoError(b, rows.Err())
		}
	})
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for e, err := range s.Load(b.Context(), a.id, store.Range{}) {
				require.NoError(b, err)
				decode(e.Event.Body)
			}
		}
	})
}

const (
	scanSQL    = `SELECT "timestamp", aggregate_id, sequence, type, body FROM event_log WHERE aggregate_id = $1 ORDER BY sequence`
	insertSQL  = `INSERT INTO event_log ("timestamp", aggregate_id, sequence, type, body) VALUES ($1, $2, $3, $4, $5)`
	projectSQL = `INSERT INTO projected (aggregate_id, sequence) VALUES ($1, $2)`
)

// durable starts a server that writes as one in production does.
func durable(b *testing.B) string {
	b.Helper()
	pgtest.Program(b, "postgres")
	server, err := pgserver.Start(b.Context(), &pgserver.Config{Durable: true, Settings: map[string]string{
		"shared_buffers": "512MB", "max_wal_size": "4GB",
	}})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, server.Close()) })
	return server.URL("postgres")
}

// tables returns a pool of n connections on empty tables.
func tables(b *testing.B, url string, n int) *pgxpool.Pool {
	b.Helper()
	pool := pgtest.Open(b, url, func(c *pgxpool.Config) { c.MaxConns = int32(n) })
	_, err := pool.Exec(b.Context(), `DROP TABLE IF EXISTS event_log, snapshots, projected; CREATE TABLE projected (aggregate_id bytea, sequence int)`)
	require.NoError(b, err)
	require.NoError(b, migrations.Apply(b.Context(), pool, nil))
	return pool
}

// parallel runs f on a source of its own in each of so many goroutines.
func parallel(b *testing.B, callers int, f func(*source) error) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(max(1, callers/2)) // a multiple of GOMAXPROCS
	var number atomic.Uint64
	b.RunParallel(func(p *testing.PB) {
		n := number.Add(1)
		a := &source{clock: n, id: numbered(n)}
		for p.Next() {
			if err := f(a); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func insert(b *testing.B, pool *pgxpool.Pool, e types.Event) error {
	b.Helper()
	_, err := pool.Exec(b.Context(), insertSQL, e.Timestamp[:], e.AggregateID[:], int32(e.Sequence), e.Type, []byte(e.Body))
	return err
}

// source makes its events in order.
type source struct {
	clock    uint64
	id       hlc.Timestamp
	sequence types.Sequence
}

func (a *source) next() types.Event {
	a.sequence++
	at, _ := hlc.New(1_700_000_000_000+int64(a.sequence), 0, a.clock)
	return types.Event{Timestamp: at, AggregateID: a.id, Sequence: a.sequence, Type: "counter_incremented", Body: []byte(`{"By": 1}`)}
}

func (a *source) commit() store.Commit {
	return store.Commit{AggregateID: a.id, Events: []types.Event{a.next()}}
}

func numbered(n uint64) hlc.Timestamp {
	t, _ := hlc.New(1_600_000_000_000, 0, n)
	return t
}
