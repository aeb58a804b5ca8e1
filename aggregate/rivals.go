package aggregate

import (
	"context"
	"errors"
	"iter"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// rivals is what a core knows of other processes that write to its aggregate. Two cases are told
// apart. Stale: others moved the aggregate on while nobody asked here; then a round reads first,
// which costs a read and no conflict. Contended: others are at it right now; then a round waits in
// the line that the server keeps, where everybody gets a turn.
type rivals struct {
	reads  int8 // rounds that are still to read first
	streak int8 // conflicts in a row
	line   int8 // rounds that are still to wait in the line
	robbed bool // the last attempt was refused although it had its turn in the line
}

const (
	// maxReads is for how many rounds without news a round reads first, at most. The number doubles
	// each time that others were there, so that a stray visit costs two reads.
	maxReads = 32

	// lineAfter is after how many conflicts in a row a round waits in the line.
	lineAfter = 2

	// lineRounds is for how many rounds without news the line is kept to.
	lineRounds = 120
)

// learned is told how many events of others a read or a refusal brought.
func (r *rivals) learned(n int) {
	switch {
	case n > 0:
		r.reads = min(2*r.reads+2, maxReads)
	case r.reads > 0:
		r.reads--
	}
}

// readsFirst reports whether a round should begin with a read. In the line there is one anyway. In
// a transaction of the application a command has to see what the transaction did.
func (c *core[S]) readsFirst() bool {
	return c.rivals.reads > 0 && c.rivals.line == 0 || c.tx != nil && c.own == nil
}

// met takes note of a conflict, and reports whether a pause is the only way to let others pass. A
// crowd goes to the line at once: where many commands wait here, the rivals will be met again.
func (c *core[S]) met(crowd bool) bool {
	c.rivals.streak = min(c.rivals.streak+1, lineAfter)
	if c.rivals.streak < lineAfter && !crowd {
		return false
	}
	if c.tx != nil {
		return false // who was first has ended its transaction
	}
	if _, ok := c.family.sup.store.(store.Transactor); !ok {
		return true
	}
	c.rivals.robbed = c.rivals.line > 0
	c.rivals.line = lineRounds
	return false
}

// lineUp waits in the server's line for the aggregate, if it is contended, and brings the state up
// to date. What it returns commits the round, and has to be ended.
func (c *core[S]) lineUp(ctx context.Context) (line store.OwnTx, err error) {
	if c.rivals.line == 0 || c.tx != nil {
		return nil, nil
	}
	bound, began := c.background(ctx), c.seq
	c.yield()
	if line, err = beginTx(bound, c.family.sup.store.(store.Transactor)); err != nil {
		return nil, err
	}
	if err = c.waitInLine(bound, line, began); errors.Is(err, store.ErrDeadlock) {
		line.Abort(bound) // who holds nothing else can do without its place: a conflict tells
		return nil, nil
	} else if err != nil {
		return line, err
	}
	if c.rivals.line--; c.seq != began {
		c.rivals.line = lineRounds
	}
	return line, nil
}

// waitInLine waits in the line, takes the turn, and brings the state up to date, which was at began
// before the wait.
func (c *core[S]) waitInLine(ctx context.Context, line store.OwnTx, began types.Sequence) (err error) {
	defer panics.Recover(&err) // an adapter's panic
	lock := line.Lock
	if x, ok := line.(store.Excluder); ok && c.rivals.robbed {
		lock = x.LockAlone // who is quicker than a turn, and never waits for one, would be first for ever
	}
	events, more, err := lock(ctx, c.ID, max(1, began))
	if err != nil {
		return during("wait in line", err)
	}
	return c.learnAll(ctx, began, events, more, func() iter.Seq2[types.Event, error] {
		return inTurn(ctx, c, line.Events(ctx, c.ID, store.Range{After: max(0, c.seq-1)}))
	}, hlc.Timestamp{})
}
