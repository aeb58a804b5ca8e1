package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// pending is a commit on its way. Its caller waits for done, unless it carries the commit out
// itself.
type pending struct {
	commit *store.Commit
	own    store.Commit   // where commit points to, if pendings made it
	queued []queuedQuery  // what its batched projections want done
	with   []*pending     // the other commits of the transaction that this one is the first of; see ownTx
	from   types.Sequence // of a read: the first sequence that is asked for
	done   chan struct{}  // a token once the other fields are final, if waits
	waits  bool           // for done; else the caller leads

	stored bool          // by the last statement that had it, whether or not its transaction stands
	news   []types.Event // what that statement said of the log where it didn't store it; see verdict
	told   bool          // that news is all that there is
	alone  bool          // the crowd could not decide: the caller has to send it on its own
	tried  bool          // with alone: stored and err are the outcome of an attempt
	err    error         // the answer, or with alone and tried what stood against it
}

// pendings saves the allocations of commits: each escapes to the heap, and has a channel.
type pendings struct{ pool sync.Pool }

func (s *pendings) of(c store.Commit) *pending {
	p, ok := s.pool.Get().(*pending)
	if !ok {
		p = &pending{done: make(chan struct{}, 1)}
	}
	p.own = c
	p.commit = &p.own
	return p
}

// put keeps p for another commit. Nobody may hold it any more.
func (s *pendings) put(p *pending) {
	*p = pending{done: p.done}
	s.pool.Put(p)
}

// combiner lets commits that wait at the same moment share a statement. A commit that finds a
// committer's place free is sent at once, by the goroutine of its caller and together with whatever
// came while that got a connection; one that doesn't waits for the next committer. When a committer
// is done and commits are waiting, a goroutine takes its place until none is. There is no timer,
// and nobody waits for company.
type combiner struct {
	bounds   func() (committers, size int)
	acquire  func(context.Context) (*pgxpool.Conn, error)
	patience time.Duration // for a connection, on behalf of others
	run      func(ctx context.Context, conn *pgxpool.Conn, batch []*pending)

	mu      sync.Mutex
	waiting []*pending                 // guarded by mu; in the order of arrival
	busy    map[hlc.Timestamp]struct{} // guarded by mu; aggregates of commits that are being sent
	active  int                        // guarded by mu; committers, as a rule not more than bounds says
}

func (s *Store) newCombiner(run func(context.Context, *pgxpool.Conn, []*pending)) *combiner {
	return &combiner{
		bounds: func() (int, int) { return s.conflicts.bounds(s.o.Committers, s.o.MaxBatch) }, acquire: s.acquire, patience: s.o.CommitTimeout, run: run,
		busy: make(map[hlc.Timestamp]struct{}),
	}
}

// do returns when p is settled: see p.err and p.alone. If ctx ends before p is being sent, p.err is
// its error.
func (c *combiner) do(ctx context.Context, p *pending) {
	limit, _ := c.bounds()
	c.mu.Lock()
	if c.active < limit && c.occupy(p) {
		c.active++
		c.mu.Unlock()
		c.lead(ctx, p)
		return
	}
	p.waits = true
	c.waiting = append(c.waiting, p)
	c.mu.Unlock()

	select {
	case <-p.done:
	case <-ctx.Done():
		if c.withdraw(p) {
			p.err = notSent(ctx, "wait for a committer", ctx.Err())
			return
		}
		<-p.done
	}
}

// lead sends p, with whatever waits, in the goroutine of its caller.
func (c *combiner) lead(ctx context.Context, p *pending) {
	defer c.next()
	conn, err := c.connect(ctx)
	if err != nil {
		p.err = err
		c.release(p)
		return
	}
	c.send(ctx, conn, c.take(p))
}

// next gives the committer's place to a goroutine, if there is work for it, or else up.
func (c *combiner) next() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.active--
		return
	}
	go c.drain()
}

// drain sends what waits until nothing does.
func (c *combiner) drain() {
	idle := false
	defer func() {
		if !idle { // the goroutine is being ended from within
			c.next()
		}
	}()
	for !idle {
		conn, err := c.acquireForOthers()
		batch := c.take(nil)
		switch {
		case err != nil:
			for _, p := range batch {
				p.err = err
			}
			c.finish(batch)
		case len(batch) == 0:
			conn.Release()
		default:
			c.send(context.Background(), conn, batch)
		}
		idle = c.idle(len(batch))
	}
}

var errAcquire = fmt.Errorf("%w: acquire a connection", store.ErrUnavailable)

// connect gets a connection. A panic of the application's own hooks in the pool must not leave
// anybody waiting.
func (c *combiner) connect(ctx context.Context) (conn *pgxpool.Conn, err error) {
	defer panics.Recover(&err, errAcquire)
	return c.acquire(ctx)
}

// acquireForOthers gets a connection under no caller's context; they watch theirs on their own.
func (c *combiner) acquireForOthers() (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.patience)
	defer cancel()
	conn, err := c.connect(ctx)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: no connection within %v", store.ErrUnavailable, c.patience)
	}
	return conn, err
}

// idle gives the committer's place up if nothing waits that it could send. Where all that waits is
// held up by another committer, that one comes back for it.
func (c *combiner) idle(sent int) bool {
	limit, _ := c.bounds()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) > 0 && (sent > 0 && c.active <= limit || c.active == 1) {
		return false
	}
	c.active--
	return true
}

// take removes from the queue what is to be sent next: at most one commit an aggregate, and
// none of an aggregate that is being sent.
func (c *combiner) take(lead *pending) []*pending {
	_, most := c.bounds()
	c.mu.Lock()
	defer c.mu.Unlock()
	batch := make([]*pending, 0, min(most, len(c.waiting)+1))
	var size int
	if lead != nil {
		batch, size = append(batch, lead), weight(lead)
	}
	rest := c.waiting[:0]
	for _, p := range c.waiting {
		if len(batch) >= most || len(batch) > 0 && size+weight(p) > maxWeight || !c.occupy(p) {
			rest = append(rest, p)
			continue
		}
		batch, size = append(batch, p), size+weight(p)
	}
	clear(c.waiting[len(rest):])
	c.waiting = rest
	return batch
}

// maxWeight bounds a statement of several commits: a crowd should not wait for one that is very
// long.
const maxWeight = 1 << 20

// weight is the size of a commit in bytes, more or less.
func weight(p *pending) int {
	n := 0
	for i := range p.commit.Events {
		n += 256 + len(p.commit.Events[i].Body)
	}
	for _, more := range p.with {
		n += weight(more)
	}
	return n
}

// occupy makes p's aggregates busy, unless one is. c.mu is held.
func (c *combiner) occupy(p *pending) bool {
	if _, busy := c.busy[p.commit.AggregateID]; busy {
		return false
	}
	for _, more := range p.with {
		if _, busy := c.busy[more.commit.AggregateID]; busy {
			return false
		}
	}
	c.busy[p.commit.AggregateID] = struct{}{}
	for _, more := range p.with {
		c.busy[more.commit.AggregateID] = struct{}{}
	}
	return true
}

// send runs a batch and tells its callers. A panic or a runtime.Goexit, which only the
// application's own tracers and hooks can cause, must not leave them waiting, nor let them take it
// for an answer.
func (c *combiner) send(ctx context.Context, conn *pgxpool.Conn, batch []*pending) {
	answered := false
	defer func() {
		if v := recover(); !answered {
			if v == nil {
				v = panics.ErrGoexit
			}
			err := fmt.Errorf("%w: %w", store.ErrOutcomeUnknown, panics.New(v))
			for _, p := range batch {
				p.err, p.alone = err, false
			}
			discard(conn)
		}
		conn.Release()
		c.finish(batch)
	}()
	c.run(ctx, conn, batch)
	answered = true
}

func (c *combiner) finish(batch []*pending) {
	c.release(batch...)
	for _, p := range batch {
		if p.waits {
			p.done <- struct{}{} // p is its caller's again
		}
	}
}

func (c *combiner) release(batch ...*pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range batch {
		delete(c.busy, p.commit.AggregateID)
		for _, more := range p.with {
			delete(c.busy, more.commit.AggregateID)
		}
	}
}

// withdraw takes p out of the queue, if it is still there.
func (c *combiner) withdraw(p *pending) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.waiting, p)
	if i < 0 {
		return false
	}
	c.waiting = slices.Delete(c.waiting, i, i+1)
	return true
}
