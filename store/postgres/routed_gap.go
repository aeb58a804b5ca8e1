package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

// A two-phase commit of a distributed database becomes visible on one server after the other, and
// after the death of a server when that is there again. Meanwhile a later event may be visible and
// the one before it not. So what a young event lacks is looked for again before anybody is told of
// it: what follows a gap in a log is taken for a fault of the log.

const (
	// gapLooks is how often, after pauses that double from gapPause: two thirds of a second.
	gapLooks = 5
	gapPause = 20 * time.Millisecond

	// youngEvent is how long a two-phase commit may be under way: Citus ends what a dead server left
	// once a minute.
	youngEvent = 2 * time.Minute
)

// young reports whether an event with this timestamp may have been stored just now.
func young(at hlc.Timestamp) bool { return !at.IsZero() && time.Since(at.Time()) < youngEvent }

// pauseBefore waits before a look, and returns the error of ctx if that ends first.
func pauseBefore(ctx context.Context, look int) error {
	timer := time.NewTimer(gapPause << look)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readWhole is readRows that looks again where a young event comes behind a gap. If that doesn't
// close, the log can't be read now.
func (s *Store) readWhole(ctx context.Context, q querier, doing, sql string, id hlc.Timestamp, after, last int32, each func(store.Entry) bool) error {
	due := types.Sequence(after) + 1
	for look := 0; ; look++ {
		var behind *types.Event
		err := s.readRows(ctx, q, doing, sql, id, int32(due-1), last, func(e store.Entry) bool {
			switch {
			case e.Snapshot != nil:
				due = e.Snapshot.Sequence
			case e.Event.Sequence > due && young(e.Event.Timestamp):
				behind = &e.Event
				return false
			default:
				due = e.Event.Sequence + 1
			}
			return each(e)
		})
		switch {
		case err != nil || behind == nil:
			return err
		case look == gapLooks:
			return fmt.Errorf("%w: %s %v: %w: sequence %d comes right after %d", store.ErrUnavailable, doing, id, errGap, behind.Sequence, due-1)
		}
		if err := pauseBefore(ctx, look); err != nil {
			return notSent(ctx, fmt.Sprint(doing, " ", id), err)
		}
		sql = s.sql.events
	}
}

var errGap = errors.New("an event is not visible yet: a two-phase commit may be under way")

// newsWhole asks for the news of p, on a distributed database, until they have no gap or it is no
// young one.
func (s *Store) newsWhole(ctx context.Context, q querier, p *pending) error {
	for look := 0; ; look++ {
		err := s.askRouted(ctx, q, p)
		if _, inTx := q.(pgx.Tx); err != nil || inTx || look == gapLooks || !p.lacks() {
			return err
		}
		if err := pauseBefore(ctx, look); err != nil {
			return err
		}
	}
}

// lacks reports whether the news of p are without an event that may only not be visible yet.
func (p *pending) lacks() bool {
	due := types.Sequence(max(p.since(), 1))
	for i := range p.news {
		if p.news[i].Sequence > due {
			return young(p.news[i].Timestamp)
		}
		due = p.news[i].Sequence + 1
	}
	return len(p.news) == 0 && young(p.commit.Predecessor)
}
