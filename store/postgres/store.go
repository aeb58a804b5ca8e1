package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/pgname"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Kind is the StoreKind of this package's projections.
const Kind = "postgres"

// Store keeps events in PostgreSQL. Make it with New; it is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	o    Options
	sql  statements

	plain     *combiner   // of commits without projections
	projected *combiner   // of commits whose projections only queue statements
	joint     *combiner   // of transactions of the library
	follows   *combiner   // of reads of what is new
	crowd     *combiner   // of commits without projections on a distributed database
	routed    atomic.Bool // as Options.Distributed says, or Validate found
	mode      pgx.QueryExecMode
	patient   chan struct{} // as many places as may wait long for a lock at once: Options.Committers
	turn      chan struct{} // the place of the one that is sent again after a deadlock
	conflicts conflicts
	columns   columnsPool
	pendings  pendings

	// The bounds of lock waits in the form that a statement takes.
	longLock, sharedLock, isolatingLock string
}

var (
	_ store.Adapter    = (*Store)(nil)
	_ store.CommandLog = (*Store)(nil)
	_ store.Redactor   = (*Store)(nil)
	_ store.Chronology = (*Store)(nil)
	_ store.Projector  = (*Store)(nil)
	_ store.Flusher    = (*Store)(nil)
	_ store.Replicated = (*Store)(nil)
)

// New returns a store on pool; o may be nil. It doesn't talk to the database and never closes the
// pool. Call Validate at the start of a program to ask the database. An invalid option is an
// *[types.OptionsError], and a nil pool is refused too.
//
// A pool of one connection is enough for commits. A loop over Load or Events holds one
// of its own until it ends.
func New(pool *pgxpool.Pool, o *Options) (*Store, error) {
	full, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if pool == nil {
		return nil, errors.New("postgres: the pool is nil: give New a *pgxpool.Pool")
	}
	s := &Store{pool: pool, o: full, sql: newStatements(full)}
	s.plain = s.newCombiner(s.runShared)
	s.projected = s.newCombiner(s.runProjected)
	s.joint = s.newCombiner(s.runJoint)
	s.follows = s.newCombiner(s.runFollow)
	s.crowd = s.newCombiner(s.runRouted)
	many := max(s.o.Committers, min(manyRouted, int(pool.Config().MaxConns)-1)) // which leaves one to the application
	s.crowd.bounds = func() (int, int) { return many, min(s.o.MaxBatch, max(1, routedDepth/many)) }
	s.routed.Store(s.o.Distributed)
	s.mode = pool.Config().ConnConfig.DefaultQueryExecMode
	s.conflicts.begin(s.o.Committers, int(pool.Config().MaxConns))
	s.longLock = milliseconds(s.o.LockTimeout)
	s.sharedLock = milliseconds(min(sharedLock, s.o.LockTimeout))
	s.isolatingLock = milliseconds(min(isolatingLock, s.o.LockTimeout))
	s.patient = make(chan struct{}, s.o.Committers)
	s.turn = make(chan struct{}, 1)
	return s, nil
}

// StoreKind is Kind.
func (*Store) StoreKind() string { return Kind }

// Tx returns an adapter that works inside of tx, a transaction of the application on the store's
// tables. Its commits never share a statement and wait for locks as long as the transaction's own
// settings allow. Serializable and repeatable read transactions may be used. What another
// transaction committed since tx began is then a store.ErrConflict.
//
// Projections run with the commit, inside of tx. A projection that leaves rows open makes tx
// unusable. A loop over Load or Events keeps tx busy until it ends.
func (s *Store) Tx(tx pgx.Tx) store.Tx { return &txStore{s: s, tx: tx} }

// Validate asks the database whether the store can work with it: whether tables, columns and the
// unique index exist, and the user may use them. It changes nothing, and is quick enough for every
// start of a program.
//
// It lets the server plan the store's own statements, and returns the server's error for the first
// one that fails. So it also checks the user's rights, which migrations.Validate does not. For a
// server that takes no writes, such as a standby, the error is store.ErrUnavailable.
// migrations.Validate compares the tables with what they should be: it finds what a plan does not
// show, such as a missing check or a column of the wrong type, lists everything at once, and prints
// the DDL.
func (s *Store) Validate(ctx context.Context) error {
	conn, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if err := s.standbys(ctx, conn); err != nil {
		return err
	}
	if err := s.findShards(ctx, conn); err != nil {
		return err
	}
	if err := s.checkReplica(ctx, conn); err != nil {
		return err
	}
	for _, probe := range s.probes() {
		err := s.planned(ctx, conn, func(q querier) error {
			_, err := q.Exec(ctx, "EXPLAIN "+probe.sql, probe.args...)
			return err
		})
		if err != nil {
			return readError(ctx, "validate: "+probe.what, err)
		}
	}
	return nil
}

type probe struct {
	what, sql string
	args      []any
}

// probes are statements whose plans can't be made, or not be begun, where something is missing.
// Their parameters are of a kind that a commit could have: a distributed database plans for the
// server that has the aggregate.
func (s *Store) probes() []probe {
	id := hlc.Timestamp{15: 1}
	c := &store.Commit{
		AggregateID: id,
		Events:      []types.Event{{Timestamp: id, AggregateID: id, Sequence: 1, Type: "probe", Body: []byte(`{}`)}},
	}
	if s.o.Commands {
		c.Commands = []store.CommandRecord{{ID: "probe", Last: 1}}
	}
	list := []probe{
		{"events", s.sql.events, []any{id[:], int32(0), int32(1)}},
		{"snapshots", s.sql.saveSnapshot, []any{id[:], int32(1), `{}`}},
		{"snapshots", s.sql.snapshot, []any{id[:], int32(0), int32(1)}},
	}
	if s.o.Commands {
		list = append(list, probe{"commands", s.sql.lookup, []any{id[:], "probe"}})
	}
	if !s.routes() {
		sql, args, _ := s.carefulCall([]*pending{{commit: c}}, s.sharedLock) // what release would keep is small
		return append(list, probe{"events", sql, args})
	}
	for _, st := range s.statements(c, false) {
		list = append(list, probe{"events and commands", st.sql, st.args})
	}
	return list
}

// findShards notices that the tables are spread over servers, and by Citus.
func (s *Store) findShards(ctx context.Context, conn *pgxpool.Conn) error {
	if s.routes() {
		return nil
	}
	log, _ := pgname.Qualified(s.o.Schema, "event_log") // accepted with the options
	var citus, spread bool
	err := s.planned(ctx, conn, func(q querier) error {
		err := q.QueryRow(ctx, `SELECT to_regclass('pg_dist_partition') IS NOT NULL`).Scan(&citus)
		if err != nil || !citus {
			return err
		}
		return q.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass($1::text))`, log).Scan(&spread)
	})
	if err != nil {
		return readError(ctx, "validate: look for shards", err)
	}
	if spread {
		s.routed.Store(true)
		s.o.Logger.Info("event_log is spread over servers: each commit travels in statements of its own, as with postgres.Options.Distributed", "table", log)
	}
	return nil
}

// acquire gets a connection that can be written to, or says why the database can't be asked. The
// application may hold all of the pool's, so the wait has a bound.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	waiting, cancel := context.WithTimeout(ctx, s.o.CommitTimeout)
	defer cancel()
	conn, err := s.connection(waiting, true)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() == nil && waiting.Err() != nil:
		return nil, fmt.Errorf("%w: no connection within %v (Options.CommitTimeout): are all of the pool's in use?", store.ErrUnavailable, s.o.CommitTimeout)
	}
	return nil, notSent(ctx, "acquire a connection", err)
}

// sending returns the context of a statement that is to be seen through: it has the values of ctx,
// but a bound of its own.
func (s *Store) sending(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.o.CommitTimeout)
}

// seenThrough is sending for a statement that stores batch, on conn: the more there is to send, the
// longer it may take. A connection whose answer was overdue when end is called is not used again.
func (s *Store) seenThrough(ctx context.Context, conn *pgxpool.Conn, batch []*pending) (_ context.Context, end func()) {
	size := 0
	for _, p := range batch {
		size += weight(p)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.CommitTimeout+time.Duration(size)*perByte)
	return ctx, func() {
		if ctx.Err() != nil {
			discard(conn)
		}
		cancel()
	}
}

// perByte is how much longer the database may take for each byte that is sent: a second for a
// megabyte.
const perByte = time.Microsecond

// querier is what a pool, a connection and a transaction have in common.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// milliseconds is d as a setting's text.
func milliseconds(d time.Duration) string {
	return fmt.Sprint(max(1, d.Milliseconds()))
}
