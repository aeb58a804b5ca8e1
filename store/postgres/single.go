package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/store"
	"github.com/jackc/pgx/v5/pgxpool"
)

// attempt tries to store one commit on its own, and marks it where that succeeds. Neither error
// nor mark says that one of its rows was there already.
type attempt func(ctx context.Context, conn *pgxpool.Conn, p *pending, lock string) error

// maxRaces is how often a commit that got in the way of another transaction is sent again.
const maxRaces = 5

// patience is how long a commit waits for the rows of others.
type patience struct {
	lock  string    // in one statement
	until time.Time // in all, for one that a crowd could not decide; else zero
	long  bool      // it waits on in the queue of those that wait
}

// fromCrowd is the patience of a commit that a crowd could not decide: it has Options.LockTimeout
// from now, whatever it waits for.
func (s *Store) fromCrowd() patience {
	return patience{lock: s.isolatingLock, until: time.Now().Add(s.o.LockTimeout)}
}

// commitAlone stores one commit for its own account, in its caller's goroutine.
//
// Those that lost to a deadlock are sent again one after the other. All at once they would be the
// next deadlock: the one that waits longest is the one that the server ends, so that nobody wins as
// long as others come after.
func (s *Store) commitAlone(ctx context.Context, p *pending, try attempt, w patience) error {
	turn := false
	for races := 0; ; {
		if !p.tried {
			sent, err := s.tryOnce(ctx, p, try, w)
			if !sent {
				return err
			}
			p.err = err
		}
		p.tried = false

		f := fateOf(p.err)
		switch {
		case p.err == nil && p.stored:
			return nil
		case p.err != nil && f == fateSettled:
			// A projection's statements may be refused before any event is looked at.
			return s.unlessConflict(ctx, p, p.err)
		case p.err != nil && (f == fateUnknown || f == fateGeneral):
			return translate("commit events", p.err)
		case p.err != nil && f == fateBlocked:
			if w.long || w.until.IsZero() {
				return translate("wait for a lock", p.err)
			}
			w.long = true
			continue
		case p.err == nil || f != fateStale:
			if err := s.refusal(ctx, s.pool, p, races); err != nil {
				return err
			}
		}
		if races++; races > maxRaces {
			return fmt.Errorf("%w: commit events: lost %d races: %w", store.ErrUnavailable, races, errOr(p.err))
		}
		if p.err != nil && f == fateRaced && !turn {
			bound := maxRaces * s.o.LockTimeout
			if err := queueUp(ctx, s.turn, time.Now().Add(bound), "no turn after a deadlock within %v (%d times Options.LockTimeout)", bound, maxRaces); err != nil {
				return err
			}
			turn = true
			defer func() { <-s.turn }()
		}
	}
}

// tryOnce makes one attempt on a connection of its own, and reports whether it came to that.
// Patient ones wait long for a lock and so are few at a time: they must not use up the pool.
func (s *Store) tryOnce(ctx context.Context, p *pending, try attempt, w patience) (sent bool, err error) {
	if w.long {
		if err := queueUp(ctx, s.patient, w.until, "none of the %d places to wait (Options.Committers) came free within %v (Options.LockTimeout)", cap(s.patient), s.o.LockTimeout); err != nil {
			return false, err
		}
		defer func() { <-s.patient }()
	}
	waiting, cancel := ctx, context.CancelFunc(func() {})
	if !w.until.IsZero() {
		waiting, cancel = context.WithDeadline(ctx, w.until)
	}
	conn, err := s.acquire(waiting)
	cancel()
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		err = fmt.Errorf("%w: wait for a lock: no connection came free within %v (Options.LockTimeout)", store.ErrUnavailable, s.o.LockTimeout)
	}
	if err != nil {
		return false, err
	}
	if w.long {
		w.lock = milliseconds(time.Until(w.until))
	}
	defer conn.Release()
	defer func() {
		if v := recover(); v != nil {
			discard(conn)
			panic(v)
		}
	}()
	p.stored, p.told = false, false
	return true, s.heard(conn, try(ctx, conn, p, w.lock))
}

// queueUp waits for one of the places, and fails with the text where none comes free.
func queueUp(ctx context.Context, places chan<- struct{}, until time.Time, text string, args ...any) error {
	waiting, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	select {
	case places <- struct{}{}:
		return nil
	case <-waiting.Done():
		if ctx.Err() != nil {
			return notSent(ctx, "wait for a lock", ctx.Err())
		}
		return fmt.Errorf("%w: wait for a lock: %s", store.ErrUnavailable, fmt.Sprintf(text, args...))
	}
}

// tryPlain is the attempt for a commit without projections.
func (s *Store) tryPlain(ctx context.Context, conn *pgxpool.Conn, p *pending, lock string) error {
	return s.insert(ctx, conn, []*pending{p}, lock)
}

// discard closes a connection whose state is not known. Releasing it then removes it from the pool.
// To close the socket first spares the driver its goodbye, for whose answer it would keep the place
// in the pool for 15 s.
func discard(conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Conn().PgConn().Conn().Close() // it is given up, whatever it says
	_ = conn.Conn().Close(ctx)
}
