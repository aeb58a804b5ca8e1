package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/eventmaestro/maestro/store"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A distributed Postgres, such as Citus, gets each commit in statements of its own, which one
// server can carry out without the others; see routed_sql.go. Commits that wait at the same moment
// share a round trip instead of a statement: they are sent one after the other without waiting,
// each in a transaction of its own, so that what one trips over is no matter to the others.

// routes reports whether commits are sent that way.
func (s *Store) routes() bool { return s.routed.Load() }

const (
	// manyRows is how many a statement has at most: its plan grows with them.
	manyRows = 1_000

	// preparedRows is up to how many rows a statement is prepared: there is one for each number.
	preparedRows = 8

	// manyRouted is how many committers there may be: the server flushes its log once for all
	// transactions that end at the same moment on different connections, and once for each that
	// follows another on one. With 16 of them 64 callers do twice as much as with 2, with 32 no more
	// than with 16.
	manyRouted = 16

	// routedDepth is how many commits they have under way together, as those on one connection wait
	// for each other's flushes: who shares it with forty others waits for forty.
	routedDepth = 64
)

// runRouted stores a batch of commits without projections, in one round trip.
func (s *Store) runRouted(ctx context.Context, conn *pgxpool.Conn, batch []*pending) {
	s.pipelined(ctx, conn, batch, s.sharedLock)
	for _, p := range batch {
		switch {
		case p.stored:
		case errors.Is(p.err, errHeld):
			p.alone, p.err = true, nil // the cancel may have struck a neighbour of the one that waits
		default:
			p.refer(p.err)
		}
	}
}

// commitRouted is commit on a distributed database.
func (s *Store) commitRouted(ctx context.Context, p *pending, own projections) error {
	if len(own) > 0 && len(p.commit.Events) > 0 {
		return s.commitAlone(ctx, p, s.tryDirect(own), patience{lock: s.longLock})
	}
	if s.crowd.do(ctx, p); !p.alone {
		return p.err
	}
	w := s.fromCrowd()
	w.lock = s.sharedLock // a cancel costs the connection
	return s.commitAlone(ctx, p, s.tryRouted, w)
}

// queueRouted adds the statements that store batch to one that began a transaction, and returns
// them.
func (s *Store) queueRouted(b *pgx.Batch, batch ...*pending) []statement {
	var list []statement
	for _, p := range batch {
		list = append(list, s.statements(p.commit, false)...)
	}
	for _, st := range list {
		b.Queue(st.sql, st.args...)
	}
	return list
}

// receiveRouted reads the results of what queueRouted added.
func receiveRouted(results pgx.BatchResults, list []statement) error {
	tags := make([]pgconn.CommandTag, len(list))
	for i := range list {
		var err error
		if tags[i], err = results.Exec(); err != nil {
			return err
		}
	}
	return complain(tags, list, false)
}

// errTaken ends a savepoint in which some rows were there already. It is fateRaced, as only the log
// can tell why.
var errTaken = errors.New("some of the rows are there already")

// storeIn stores p in tx, a savepoint of the application's transaction. Where its view of the
// database is older than what is in the way, the server would hold a plain INSERT for a fault.
func (s *Store) storeIn(ctx context.Context, tx pgx.Tx, p *pending) error {
	for _, st := range s.statements(p.commit, true) {
		tag, err := tx.Exec(ctx, st.sql, st.args...)
		if err == nil && st.rows > 0 && tag.RowsAffected() != st.rows {
			err = errTaken
		}
		if err != nil {
			return err
		}
	}
	p.stored = true
	return nil
}

// tryRouted is the attempt for one commit without projections.
func (s *Store) tryRouted(ctx context.Context, conn *pgxpool.Conn, p *pending, lock string) error {
	s.pipelined(ctx, conn, []*pending{p}, lock)
	return p.err
}

// pipelined sends each commit of batch in a transaction of its own, and marks it or leaves what
// stood against it in its err.
func (s *Store) pipelined(ctx context.Context, conn *pgxpool.Conn, batch []*pending, lock string) {
	ctx, end := s.seenThrough(ctx, conn, batch)
	defer end()
	stale := s.attempt(ctx, conn, batch, lock)
	if len(stale) == 0 || conn.Conn().DeallocateAll(ctx) != nil {
		return
	}
	s.attempt(ctx, conn, stale, lock)
}

// attempt is pipelined once. It returns the commits that met statements which the server had
// forgotten.
func (s *Store) attempt(ctx context.Context, conn *pgxpool.Conn, batch []*pending, lock string) (stale []*pending) {
	sent := make([][]statement, len(batch))
	for i, p := range batch {
		sent[i] = s.statements(p.commit, false)
		p.stored, p.err = false, nil
	}
	names, err := s.prepare(ctx, conn, sent)
	if err != nil {
		for _, p := range batch {
			p.err = neverSent(conn, err)
		}
		return nil
	}
	pipeline := conn.Conn().PgConn().StartPipeline(ctx)
	for _, list := range sent {
		send(pipeline, list, names)
	}
	held := s.watch(conn, lock, sent)
	err = pipeline.Flush()
	for i, p := range batch {
		if err == nil {
			p.err, err = answer(pipeline, sent[i], held)
		}
		if err != nil {
			p.err = err
		}
		p.stored = p.err == nil
		if p.err != nil && fateOf(p.err) == fateStale {
			stale = append(stale, p)
		}
	}
	closed := pipeline.Close()
	if held.end() || err == nil && closed != nil && pgError(closed) == nil {
		discard(conn)
	}
	return stale
}

// neverSent marks an error as definite where the connection broke before anything was sent.
func neverSent(conn *pgxpool.Conn, err error) error {
	if fateOf(err) == fateUnknown || conn.Conn().IsClosed() {
		return fmt.Errorf("%w: prepare: %w", store.ErrUnavailable, err)
	}
	return err
}

// prepare returns the names of the prepared statements by their text, where the pool is set to
// prepare any.
func (s *Store) prepare(ctx context.Context, conn *pgxpool.Conn, sent [][]statement) (map[string]string, error) {
	if s.mode != pgx.QueryExecModeCacheStatement {
		return nil, nil
	}
	names := make(map[string]string, 3)
	for _, list := range sent {
		for _, st := range list {
			if _, known := names[st.sql]; known || st.rows > preparedRows {
				continue
			}
			// The driver knows those that it has prepared by their text.
			d, err := conn.Conn().Prepare(ctx, st.sql, st.sql)
			if err != nil {
				return nil, err
			}
			names[st.sql] = d.Name
		}
	}
	return names, nil
}

// send queues the transaction of one commit. A single statement that stores something is its own;
// several begin one, and the COMMIT behind a synchronization of its own rolls back where they
// failed.
func send(pipeline *pgconn.Pipeline, list []statement, names map[string]string) {
	explicit := transactional(list)
	if explicit {
		pipeline.SendQueryParams("BEGIN ISOLATION LEVEL READ COMMITTED", nil, nil, nil, nil)
	}
	for _, st := range list {
		values, formats, types := encode(st.args)
		if name, prepared := names[st.sql]; prepared {
			pipeline.SendQueryPrepared(name, values, formats, nil)
		} else {
			pipeline.SendQueryParams(st.sql, values, types, formats, nil)
		}
	}
	pipeline.SendPipelineSync()
	if explicit {
		pipeline.SendQueryParams("COMMIT", nil, nil, nil, nil)
		pipeline.SendPipelineSync()
	}
}

// transactional reports whether more than one statement stores something.
func transactional(list []statement) bool {
	storing := 0
	for _, st := range list {
		if st.rows > 0 {
			storing++
		}
	}
	return storing > 1
}

// encode gives arguments their binary form.
func encode(args []any) (values [][]byte, formats []int16, types []uint32) {
	values, types = make([][]byte, len(args)), make([]uint32, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case []byte:
			values[i], types[i] = arg, 17 // bytea
		case string:
			values[i], types[i] = []byte(arg), 25 // text
		case int32:
			values[i], types[i] = binary.BigEndian.AppendUint32(nil, uint32(arg)), 23 // int4
		}
	}
	return values, []int16{pgx.BinaryFormatCode}, types
}

// answer reads what the server said to the transaction of one commit: what refused it, or why no
// answer is to be had for it and all that follow.
func answer(pipeline *pgconn.Pipeline, list []statement, held *heldWatch) (refused, broken error) {
	syncs, tags := 1, make([]pgconn.CommandTag, 0, len(list)+2)
	explicit := transactional(list)
	if explicit {
		syncs = 2
	}
	for syncs > 0 {
		results, err := pipeline.GetResults()
		held.answered()
		if reader, ok := results.(*pgconn.ResultReader); ok {
			var tag pgconn.CommandTag
			tag, err = reader.Close()
			tags = append(tags, tag)
		}
		switch {
		case err != nil && (pgError(err) == nil || !inOrder(pgError(err))):
			return nil, err
		case err != nil && refused == nil:
			refused = judged(err, held)
		case results == nil && err == nil:
			return nil, errors.New("the server's answers ended early")
		}
		if _, ok := results.(*pgconn.PipelineSync); ok {
			syncs--
		}
	}
	if refused == nil {
		refused = complain(tags, list, explicit)
	}
	return refused, nil
}

// inOrder reports whether a session goes on after e.
func inOrder(e *pgconn.PgError) bool {
	return e.SeverityUnlocalized == "ERROR" || e.SeverityUnlocalized == "" && e.Severity == "ERROR"
}

// judged marks a refusal that is the store's own doing.
func judged(err error, held *heldWatch) error {
	if pgError(err).Code == codeCancelled && held.fired() {
		return fmt.Errorf("%w for %v: %w", errHeld, held.bound, err)
	}
	return err
}

// complain checks that all rows were stored. tags are those of list and, around them, of an
// explicit transaction.
func complain(tags []pgconn.CommandTag, list []statement, explicit bool) error {
	if explicit {
		if last := tags[len(tags)-1].String(); last != "COMMIT" {
			return fmt.Errorf("%w: the server answered %s to COMMIT", store.ErrOutcomeUnknown, last)
		}
		tags = tags[1:]
	}
	for i, st := range list {
		if got := tags[i].RowsAffected(); st.rows > 0 && got != st.rows {
			return fmt.Errorf("%w: %d of %d rows: does a table have a trigger or a rule?", store.ErrOutcomeUnknown, got, st.rows)
		}
	}
	return nil
}

// errHeld is fateBlocked: the store's own cancel ended the wait for a lock.
var errHeld = errors.New("waited for another transaction's row")

// heldWatch cancels what waits too long for another transaction's row. A lock_timeout would act on
// the server that is asked only, and not on the one that has the row.
type heldWatch struct {
	bound time.Duration
	timer *time.Timer

	mu    sync.Mutex
	sent  bool // guarded by mu; a cancel
	ended bool // guarded by mu
}

// rowTime is what a row may take without being taken for one that is waited for.
const rowTime = time.Millisecond

func (s *Store) watch(conn *pgxpool.Conn, lock string, sent [][]statement) *heldWatch {
	ms, _ := strconv.Atoi(lock) // the store's own
	most := int64(0)            // a transaction is answered at its end
	for _, list := range sent {
		rows := int64(0)
		for _, st := range list {
			rows += st.rows
		}
		most = max(most, rows)
	}
	w := &heldWatch{bound: time.Duration(ms)*time.Millisecond + time.Duration(most)*rowTime}
	pg := conn.Conn().PgConn()
	w.timer = time.AfterFunc(w.bound, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.ended {
			return
		}
		w.sent = true
		ctx, cancel := context.WithTimeout(context.Background(), s.o.LockTimeout)
		defer cancel()
		_ = pg.CancelRequest(ctx) // where it fails, CommitTimeout ends the wait
	})
	return w
}

// answered begins the wait for the next answer.
func (w *heldWatch) answered() { w.timer.Reset(w.bound) }

func (w *heldWatch) fired() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent
}

// end reports whether a cancel was sent, which may still come to whoever uses the connection next.
func (w *heldWatch) end() bool {
	w.timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	return w.sent
}
