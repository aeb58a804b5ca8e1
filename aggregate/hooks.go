package aggregate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/types"
)

// Hooks are called at the points that a tracer or a meter needs; each may be nil. They run
// on the library's goroutines, some of them under its locks: they must be quick, safe for
// concurrent use, and must not call back into the library. A context is that of the caller
// (of the first one, where several share a commit), for its values; it may have ended.
type Hooks struct {
	// Evaluate is called when a command is answered.
	Evaluate func(ctx context.Context, e Evaluation)

	// Commit is called after each attempt to commit.
	Commit func(ctx context.Context, c Committed)

	// Conflict is called when another process was first and commands are evaluated again.
	Conflict func(ctx context.Context, c Conflict)

	// Transact is called when a call of Supervisor.Transact is answered; not if its function
	// panics.
	Transact func(ctx context.Context, t Transacted)

	// Load is called after a cold aggregate was read.
	Load func(ctx context.Context, l Loaded)

	// Snapshot is called after an attempt to store a snapshot.
	Snapshot func(s Saved)

	// Start, Hibernate and Exit are called when an aggregate enters memory, gives its goroutine
	// back and leaves memory.
	Start     func(l Lifecycle)
	Hibernate func(l Lifecycle)
	Exit      func(l Lifecycle)

	// LogWentBack is called if the log lacks events that a state in memory was built on, as after a
	// failover to a standby that lacks the last commits. The state was dropped and is read again.
	LogWentBack func(ctx context.Context, e *LogWentBackError)

	// Panic is called when a handler panicked.
	Panic func(ctx context.Context, p Panicked)

	// Stuck is called if a caller's context ended while its handler was running, at most once a
	// second.
	Stuck func(ctx context.Context, s Stuck)
}

// Evaluation describes a command that was answered.
type Evaluation struct {
	Root        string
	AggregateID hlc.Timestamp
	Type        string
	Start       time.Time
	Duration    time.Duration // from the call to the answer, the wait in the mailbox included
	Attempts    int           // how often it had to be evaluated; 0 if it never was
	Err         error
}

// Committed describes an attempt to commit.
type Committed struct {
	Root        string
	AggregateID hlc.Timestamp
	Commands    int // that share the commit
	Events      int
	Start       time.Time
	Duration    time.Duration
	Err         error
}

// Transacted describes a transaction of Supervisor.Transact that was answered. The hooks of its
// commands, commits and conflicts are called as well, for each aggregate.
type Transacted struct {
	Aggregates int // it asked for, in all attempts
	Events     int // of the last attempt
	Attempts   int // how often its function ran; 0 if it never did
	Start      time.Time
	Duration   time.Duration // from the call to the answer, the wait for other transactions included
	Err        error
}

// Conflict describes commands that are evaluated again because other events came first.
type Conflict struct {
	Root        string
	AggregateID hlc.Timestamp
	Sequence    types.Sequence // of the state that was out of date
	Commands    int
	Attempt     int // of the command that has tried most often
}

// Loaded describes a read of a cold aggregate.
type Loaded struct {
	Root        string
	AggregateID hlc.Timestamp
	Sequence    types.Sequence // that was reached
	Snapshot    types.Sequence // of the snapshot that was used, or 0
	Events      int            // that were applied
	Start       time.Time
	Duration    time.Duration
	Err         error
}

// Saved describes an attempt to store a snapshot.
type Saved struct {
	Root        string
	AggregateID hlc.Timestamp
	Sequence    types.Sequence
	Bytes       int
	Err         error
}

// Lifecycle names an aggregate that came, fell asleep or left.
type Lifecycle struct {
	Root        string
	AggregateID hlc.Timestamp
}

// Panicked describes a panic of a handler.
type Panicked struct {
	Root        string
	AggregateID hlc.Timestamp
	Type        string // of the command; empty for a function
	Err         *types.PanicError
}

// Stuck describes a handler that still ran when its caller's context ended. A dump of the program's
// goroutines shows where.
type Stuck struct {
	Root        string
	AggregateID hlc.Timestamp
	Type        string // of the command; empty for a function
}

// reportStuck tells who watches that r's handler outlasted its caller.
func (l *live) reportStuck(r *request) {
	s := l.family.sup
	hook := s.options.Hooks.Stuck
	now := int64(time.Since(s.born))
	last := s.stuckAt.Load()
	if last != 0 && now-last < int64(time.Second) || !s.stuckAt.CompareAndSwap(last, now) {
		return
	}
	s.log.Warn("handler outlasts its caller", "root", l.family.name, "aggregate", l.ID, "type", r.command.Type)
	if hook != nil {
		hook(r.Ctx, Stuck{Root: l.family.name, AggregateID: l.ID, Type: r.command.Type})
	}
}

func (c *core[S]) reportCommit(ctx context.Context, commands, events int, start time.Time, err error) {
	if hook := c.family.sup.options.Hooks.Commit; hook != nil {
		hook(ctx, Committed{
			Root: c.family.name, AggregateID: c.ID, Commands: commands, Events: events,
			Start: start, Duration: time.Since(start), Err: err,
		})
	}
}

func (c *core[S]) reportConflict(ctx context.Context, commands, attempt int) {
	if hook := c.family.sup.options.Hooks.Conflict; hook != nil {
		hook(ctx, Conflict{Root: c.family.name, AggregateID: c.ID, Sequence: c.seq, Commands: commands, Attempt: attempt})
	}
}

// reportPanic reports a panic, if err is one, and returns err with the place.
func (c *core[S]) reportPanic(ctx context.Context, command string, err error) error {
	if err == nil {
		return nil
	}
	p, ok := errors.AsType[*types.PanicError](err)
	if !ok {
		return err
	}
	c.family.sup.log.Error("panic in a handler", "root", c.family.name, "aggregate", c.ID, "type", command, "value", p.Value)
	if hook := c.family.sup.options.Hooks.Panic; hook != nil {
		hook(ctx, Panicked{Root: c.family.name, AggregateID: c.ID, Type: command, Err: p})
	}
	if err == error(p) { //nolint:errorlint // what is around another one says where
		return c.panicked(command, p)
	}
	return err
}

// panicked is a panic with its place; command is "" for a function or a read.
func (c *core[S]) panicked(command string, p *types.PanicError) error {
	place := fmt.Sprintf("%s, aggregate %v", c.family.name, c.ID)
	if command != "" {
		place = fmt.Sprintf("command %q of %s", command, place)
	}
	return during(place, p)
}
