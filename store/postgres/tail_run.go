package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

// TailFunc gets a batch of events. Those of an aggregate stand together and in order, and none is
// left out between two of them. What it writes through tx is kept if and only if the tail moves on
// behind the batch. An error or a panic rolls both back, and the same batch comes again. What it
// does elsewhere may happen more than once.
//
// It can't commit tx. It owns the events.
type TailFunc func(ctx context.Context, tx pgx.Tx, events []types.Event) error

// Run hands out events until ctx ends, and then returns its error, or until the tail refuses to
// work, and then returns a *[store.TailError]. After all other failures it tries again. f may run
// in any goroutine; with TailOptions.Of there are as many calls at once.
//
// Several processes may run the same tail. The transaction of a batch holds the row of its part, so
// only one of them works on it. Another one takes over as soon as the server has noticed the death
// of the first. If a host vanishes silently that may take long; set the server's
// tcp_keepalives_idle or tcp_user_timeout.
func (t *Tail) Run(ctx context.Context, f TailFunc) error {
	if f == nil {
		return errors.New("postgres: the function is nil: give Run one")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begin := tailWorker{t: t}
	for prepared := false; !prepared; {
		err := t.failure(ctx, "begin", t.prepare(ctx))
		var refused *store.TailError
		if errors.As(err, &refused) || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if prepared = err == nil; !prepared {
			begin.failed(ctx, err)
		}
	}
	var group sync.WaitGroup
	wake := make([]chan struct{}, t.o.Of)
	for part := range t.o.Of {
		wake[part] = make(chan struct{}, 1)
		w := &tailWorker{t: t, part: part, f: f, wake: wake[part]}
		group.Go(func() {
			ended := errors.New("postgres: the function of the tail ended its goroutine")
			defer func() { cancel(ended) }()
			ended = w.run(ctx)
		})
	}
	group.Go(func() { t.listen(ctx, wake) })
	group.Wait()
	return context.Cause(ctx)
}

// tailWorker works on one part.
type tailWorker struct {
	t    *Tail
	part int
	f    TailFunc
	wake chan struct{}

	attempt int
	again   *snapshot // what the batch that failed was limited by
	place   string    // what the following are about: the place as it was saved
	idle    snapshot  // up to here there was nothing for this part
	last    map[hlc.Timestamp]types.Sequence
	rows    tailRows // what is worked on
	spare   tailRows // what is read ahead
	reached string   // how far the server was once all that the limit shows was done; see tail_replica.go
	told    bool     // that the replica can't be read
}

// manyAggregates bounds what a worker remembers of those it has seen.
const manyAggregates = 1 << 16

// outcome is what came of a step.
type outcome int

const (
	stepNothing outcome = iota // nothing to do, or somebody else does it
	stepMore
)

func (w *tailWorker) run(ctx context.Context) error { return w.each(ctx, w.step) }

// each takes steps until ctx ends or one is refused. It waits where there is nothing to do, and after a failure.
func (w *tailWorker) each(ctx context.Context, step func(context.Context) (outcome, error)) error {
	for ctx.Err() == nil {
		did, err := step(ctx)
		if errors.Is(err, errNoPlace) {
			err = w.t.prepare(ctx)
		}
		err = w.t.failure(ctx, "batch", err)
		var refused *store.TailError
		switch {
		case ctx.Err() != nil:
		case errors.As(err, &refused):
			return err
		case err != nil:
			w.failed(ctx, err)
		case did == stepNothing:
			w.attempt = 0
			w.wait(ctx, w.t.o.Poll)
		default:
			w.attempt = 0
		}
	}
	return context.Cause(ctx)
}

// failed tells of a failure and waits.
func (w *tailWorker) failed(ctx context.Context, err error) {
	w.attempt++
	w.t.o.Logger.Warn("maestro: a batch of a tail failed and comes again", "tail", w.t.o.Name, "part", w.part, "attempt", w.attempt, "error", err)
	if w.t.o.Failed != nil {
		w.t.o.Failed(err, w.attempt)
	}
	pause := min(w.t.o.MaxBackoff, 100*time.Millisecond<<min(w.attempt-1, 20))
	w.wait(ctx, pause/2+rand.N(pause/2+1))
}

// wait ends with a notification only where there is somebody to wake.
func (w *tailWorker) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	wake := w.wake
	if w.attempt > 0 {
		wake = nil
	}
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}

var (
	errNoPlace     = errors.New("postgres: the tail has no place")
	errOtherServer = errors.New("postgres: the connection is to another server")
)
