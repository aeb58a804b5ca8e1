package aggregate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/mailbox"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Defaults of Options.
const (
	DefaultMailboxSize   = 1024
	DefaultMaxBatch      = 128
	DefaultMaxAttempts   = 10
	DefaultReadTimeout   = 30 * time.Second
	DefaultSettleTimeout = 30 * time.Second
)

// Options configures a supervisor. The zero value of each field is a sensible default.
type Options struct {
	// Clock stamps ids and events. Nil means a new clock with a random node id.
	Clock *hlc.Clock

	// Logger receives warnings about what the library worked around, and nothing else. Nil
	// means none.
	Logger *slog.Logger

	// Hooks are called at the points a tracer or a meter needs.
	Hooks Hooks

	// MailboxSize is how many requests of one aggregate have room in its mailbox. Further callers
	// wait, in the order of arrival, until their context ends, which is ErrMailboxFull. One who
	// waits costs about 5 kB, most of it the stack of its goroutine. 0 means DefaultMailboxSize.
	MailboxSize int

	// RefuseWhenFull answers a request that finds no room with ErrMailboxFull at once.
	RefuseWhenFull bool

	// MaxBatch is how many commands of one aggregate are committed together at most. 0 means
	// DefaultMaxBatch.
	MaxBatch int

	// MaxAttempts is how often a command is evaluated at most if other processes are first each
	// time. 0 means DefaultMaxAttempts.
	MaxAttempts int

	// MaxLive bounds the aggregates in memory; the least recently used leave first. When all are
	// busy, a request for another one waits until its context ends. 0 means no bound.
	MaxLive int

	// ReadTimeout bounds each read of the store that no single caller waits for. 0 means
	// DefaultReadTimeout.
	ReadTimeout time.Duration

	// SettleTimeout bounds how long an aggregate tries to learn what became of a commit whose
	// answer got lost. 0 means DefaultSettleTimeout.
	SettleTimeout time.Duration
}

// Supervisor holds the live aggregates of all roots that share a store. An application has
// one. All methods are safe for concurrent use.
type Supervisor struct {
	store   store.Adapter
	options Options
	clock   *hlc.Clock
	log     *slog.Logger
	born    time.Time

	registry mailbox.Registry
	saver    saver

	base    context.Context // ends when a shutdown has no time left
	cancel  context.CancelFunc
	overdue error        // why a read took too long: no context error, for no caller set that bound
	stuckAt atomic.Int64 // when a stuck handler was last reported

	requests sync.Pool // of *request

	mu       sync.Mutex
	families []*family // guarded by mu; of the roots
}

// NewSupervisor returns a supervisor for aggregates in a. Nil options are the defaults. It starts
// no goroutine before the first request. A negative option is a *[types.OptionsError], and a nil
// store is refused as well. End it with Shutdown.
func NewSupervisor(a store.Adapter, o *Options) (*Supervisor, error) {
	if isNil(a) {
		return nil, errors.New("aggregate: the store is nil: give NewSupervisor one, such as memory.New()")
	}
	s := &Supervisor{store: a, born: time.Now()}
	if o != nil {
		s.options = *o
	}
	if err := s.options.check(); err != nil {
		return nil, err
	}
	s.options.fill()
	s.clock, s.log = s.options.Clock, s.options.Logger
	s.base, s.cancel = context.WithCancel(context.Background())
	s.overdue = &explained{sentinel: store.ErrUnavailable, text: fmt.Sprintf(
		"%v: no answer within %v (Options.ReadTimeout)", store.ErrUnavailable, s.options.ReadTimeout)}
	s.saver.sup, s.saver.empty = s, make(chan struct{}, 1)
	s.registry.Init(mailbox.Config{
		MaxLive: s.options.MaxLive, Ended: s.base.Done(),
		Staying: s.saver.full, // whoever left then could not save its snapshot
		Started: lifecycle(s.options.Hooks.Start), Hibernated: lifecycle(s.options.Hooks.Hibernate), Exited: lifecycle(s.options.Hooks.Exit),
	})
	return s, nil
}

// check refuses options that mean nothing.
func (o *Options) check() error {
	for _, f := range []struct {
		field string
		n     int64
	}{
		{"MailboxSize", int64(o.MailboxSize)},
		{"MaxBatch", int64(o.MaxBatch)},
		{"MaxAttempts", int64(o.MaxAttempts)},
		{"MaxLive", int64(o.MaxLive)},
		{"ReadTimeout", int64(o.ReadTimeout)},
		{"SettleTimeout", int64(o.SettleTimeout)},
	} {
		if f.n < 0 {
			return &types.OptionsError{Package: "aggregate", Field: "Options." + f.field, Reason: "is negative: use 0 for the default"}
		}
	}
	return nil
}

// fill replaces what is zero.
func (o *Options) fill() {
	o.Clock = cmp.Or(o.Clock, hlc.NewClock(nil))
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.MailboxSize = cmp.Or(o.MailboxSize, DefaultMailboxSize)
	o.MaxBatch = cmp.Or(o.MaxBatch, DefaultMaxBatch)
	o.MaxAttempts = cmp.Or(o.MaxAttempts, DefaultMaxAttempts)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, DefaultReadTimeout)
	o.SettleTimeout = cmp.Or(o.SettleTimeout, DefaultSettleTimeout)
}

// lifecycle makes a hook one of the registry's.
func lifecycle(hook func(Lifecycle)) func(*mailbox.Mailbox) {
	if hook == nil {
		return nil
	}
	return func(m *mailbox.Mailbox) { hook(Lifecycle{Root: liveOf(m).family.name, AggregateID: m.ID}) }
}

// Clock returns the clock that stamps ids and events.
func (s *Supervisor) Clock() *hlc.Clock { return s.clock }

// Store returns the adapter that the supervisor was made with.
func (s *Supervisor) Store() store.Adapter { return s.store }

// pause waits before the nth go at something: nothing before the first repeat, since the
// read that precedes it spreads the processes enough, then random times that grow. It returns false
// if the supervisor has no time left.
func (s *Supervisor) pause(n int, unit, most time.Duration) bool {
	if n < 2 {
		return s.base.Err() == nil
	}
	limit := min(unit<<min(n, 16), most)
	t := time.NewTimer(rand.N(limit) + 1)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.base.Done():
		return false
	}
}

// ShutdownError says what a shutdown had to give up when its context ended. It wraps the
// context's error.
type ShutdownError struct {
	Requests   int             // refused with ErrClosed although they waited in a mailbox
	Snapshots  int             // that the policies ask for and that were not stored, or perhaps not
	Aggregates []hlc.Timestamp // whose goroutine was still at work, such as in a handler
	Err        error
}

func (e *ShutdownError) Error() string {
	return fmt.Sprintf("aggregate: shutdown: gave up %s and %s, %s still at work: %v",
		count(e.Requests, "request"), count(e.Snapshots, "snapshot"), count(len(e.Aggregates), "aggregate"), e.Err)
}

// Unwrap returns the context's error.
func (e *ShutdownError) Unwrap() error { return e.Err }

// Shutdown refuses new requests with ErrClosed, lets those in the mailboxes end, saves the
// snapshots that the policies ask for, and waits for all goroutines. If ctx ends first, it refuses
// the requests that still wait, interrupts work on the store, and returns a *ShutdownError that
// says what was given up. A second call waits like the first.
func (s *Supervisor) Shutdown(ctx context.Context) error {
	s.registry.Close()
	for s.registry.Busy() || s.saver.busy() {
		select {
		case <-s.registry.Quiet():
		case <-s.saver.empty:
		case <-ctx.Done():
			return s.giveUp(ctx.Err())
		}
	}
	s.registry.Wake() // another Shutdown that waits
	s.cancel()
	s.registry.Stop()
	return nil
}

// orClosed marks an error that is there because a shutdown had no time left.
func (s *Supervisor) orClosed(err error) error {
	if err == nil || s.base.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return &explained{ErrClosed, ErrClosed.Error() + ": " + bareText(err), err}
}

func (s *Supervisor) giveUp(cause error) error {
	e := &ShutdownError{Err: cause, Snapshots: s.saver.abandon()}
	s.cancel()
	e.Requests, e.Aggregates = s.registry.RefuseAll(ErrClosed)
	s.registry.Stop()
	return e
}
