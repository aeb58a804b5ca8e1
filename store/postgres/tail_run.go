package postgres

import (
	"context"
	"errors"
	"sync"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/tail"
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
	begin := t.loop(0, nil)
	err := begin.Run(ctx, func(ctx context.Context) (bool, error) {
		if err := t.failure(ctx, "begin", t.prepare(ctx)); err != nil {
			return false, err
		}
		return false, tail.ErrDone
	})
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	wake := make([]chan struct{}, t.o.Of)
	for part := range t.o.Of {
		wake[part] = make(chan struct{}, 1)
		w := &tailWorker{loop: t.loop(part, wake[part]), t: t, part: part, f: f}
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
	loop tail.Loop
	t    *Tail
	part int
	f    TailFunc

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

// loop tells of the failures of a part.
func (t *Tail) loop(part int, wake <-chan struct{}) tail.Loop {
	failed := func(err error, attempt int) {
		t.o.Logger.Warn("maestro: a batch of a tail failed and comes again",
			"tail", t.o.Name, "part", part, "attempt", attempt, "error", err)
		if t.o.Failed != nil {
			t.o.Failed(err, attempt)
		}
	}
	return tail.Loop{
		Options: tail.Options{Poll: t.o.Poll, MaxBackoff: t.o.MaxBackoff, Failed: failed}, Wake: wake,
	}
}

func (w *tailWorker) run(ctx context.Context) error {
	return w.loop.Run(ctx, func(ctx context.Context) (bool, error) {
		more, err := w.step(ctx)
		if errors.Is(err, errNoPlace) {
			err = w.t.prepare(ctx)
		}
		return more, w.t.failure(ctx, "batch", err)
	})
}

var (
	errNoPlace     = errors.New("postgres: the tail has no place")
	errOtherServer = errors.New("postgres: the connection is to another server")
)
