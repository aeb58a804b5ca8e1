package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/pgname"
	"github.com/eventmaestro/maestro/internal/tail"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Defaults and bounds of TailOptions.
const (
	DefaultTailBatch      = 10000
	DefaultTailPoll       = 250 * time.Millisecond
	DefaultTailMaxBackoff = 30 * time.Second
	MaxTailParts          = tail.MaxParts
)

// TailChannel is what a Tail listens to while it waits. Nobody has to notify it: without a NOTIFY a
// tail looks every TailOptions.Poll. Send the NOTIFY after the transaction that stores events.
// Inside of that transaction it would make all such transactions commit one after the other.
//
// A tail can't listen through a proxy that pools connections, or if the pool has no connection to
// spare. The Logger is told so once.
const TailChannel = "maestro_tail"

// TailOptions of a Tail. The Name is required.
type TailOptions struct {
	// Name is the tail's name, 1 to 256 bytes. Tails with the same name in the same schema are one
	// tail: they share the work, or one stands by.
	Name string

	// Types are the type strings of the events that are handed out, in any order. Empty means all.
	// The types of a root are the keys of its Definition.Events and of its Upcasts, because events
	// come as they were stored. A name keeps its types for ever.
	Types []string

	// Of is how many consumers share the events, 1 to MaxTailParts. Each has the aggregates whose
	// ids hash to it, its own place and its own goroutine in Run. 0 means 1. You may change it:
	// what was under way is finished in the old parts first.
	Of int

	// MaxBatch is how many events a call gets at most, and how many are read at once. Effects
	// outside of the transaction can happen twice for as many events. 0 means DefaultTailBatch.
	MaxBatch int

	// Poll is how long a tail that has nothing to do waits before it looks again, and a tail that
	// stands by before it tries to take over. It looks earlier only if somebody notifies TailChannel.
	// 0 means DefaultTailPoll.
	Poll time.Duration

	// MaxBackoff bounds the pause after a failure, which begins with 100 ms and doubles. 0 means
	// DefaultTailMaxBackoff.
	MaxBackoff time.Duration

	// Failed is called for every failure after which a batch is tried again: an error or a panic
	// (*types.PanicError) of the function, or an error of the database. It may be called by several
	// goroutines at once. Nil means nobody.
	Failed func(err error, attempt int)

	// Known returns the last sequences that the consumer has of some aggregates; an aggregate of
	// which it has nothing may be missing. It is called only after Adopt, when the tail goes
	// through the log from the beginning: what is known is not handed out. Nil means that nothing
	// is known.
	Known func(ctx context.Context, tx pgx.Tx, ids []hlc.Timestamp) (map[hlc.Timestamp]types.Sequence, error)

	// Replica is a pool on a hot standby of the server, which spares that server most of the reading:
	// what the standby has is read there. The place, its lock and what the function writes stay on the
	// pool of NewTail, and so do the newest events, which a standby lacks. Nil means none.
	Replica *pgxpool.Pool

	Schema   string       // holds the tables; empty, they are found through the search_path
	Metadata bool         // the optional metadata column exists, and is read
	Logger   *slog.Logger // is told of failures; nil means nobody
}

func (o *TailOptions) withDefaults() (TailOptions, error) {
	if o == nil {
		o = &TailOptions{}
	}
	full := *o
	common, err := tail.Options{
		Name: o.Name, Types: o.Types, Of: o.Of, MaxBatch: o.MaxBatch, Poll: o.Poll, MaxBackoff: o.MaxBackoff,
	}.Complete("postgres", tail.Options{
		MaxBatch: DefaultTailBatch, Poll: DefaultTailPoll, MaxBackoff: DefaultTailMaxBackoff,
	})
	if err == nil && o.Schema != "" && pgname.Refusal(o.Schema) != "" {
		err = tail.Invalid("postgres", "Schema", "%s", pgname.Refusal(o.Schema))
	}
	if err != nil {
		return full, err
	}
	full.Types, full.Of, full.MaxBatch = common.Types, common.Of, common.MaxBatch
	full.Poll, full.MaxBackoff = common.Poll, common.MaxBackoff
	full.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return full, nil
}

// Tail is a cursor over the log. It hands out every committed event of some types, and those of one
// aggregate in order. What its function writes into the same database is written once per event.
// There is no order between aggregates. Make it with NewTail; it is safe for concurrent use.
//
// It needs the tables of migrations.Options.Tail, on the server that takes the writes.
type Tail struct {
	pool *pgxpool.Pool
	o    TailOptions
	sql  tailStatements
}

// NewTail returns a tail on the pool, which the application owns. It does not talk to the database.
// Its error is a *[types.OptionsError].
//
// While there is something to do, Run needs a connection for each of TailOptions.Of. If the pool
// has two more, one of them listens to TailChannel. If it has twice as many and two more, each part
// reads ahead on a second one while the function works.
func NewTail(pool *pgxpool.Pool, o *TailOptions) (*Tail, error) {
	full, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if pool == nil {
		return nil, errors.New("postgres: the pool is nil: give NewTail a *pgxpool.Pool")
	}
	return &Tail{pool: pool, o: full, sql: newTailStatements(full)}, nil
}

// Progress counts what is committed and not handed out yet. It reads all of that, so it takes long
// if there is much. For a name that has never run, it is the whole log.
func (t *Tail) Progress(ctx context.Context) (store.TailProgress, error) {
	var p store.TailProgress
	rows, err := t.places(ctx, t.pool)
	if err != nil {
		return p, t.failure(ctx, "progress", err)
	}
	if len(rows) == 0 {
		rows = []place{{parts: 1}}
	}
	first := hlc.Timestamp{}
	for _, r := range rows {
		p.Delivered += r.delivered
		if r.saved.After(p.SavedAt) {
			p.SavedAt = r.saved
		}
		if rows[0].stop != nil && r.stop == nil {
			continue // of the next round: what is behind is that of the rows before
		}
		n, oldest, err := t.behind(ctx, r)
		if err != nil {
			return p, t.failure(ctx, "progress", err)
		}
		p.Events += n
		if n > 0 && (first.IsZero() || oldest.Compare(first) < 0) {
			first = oldest
		}
	}
	if p.Events > 0 {
		var now time.Time
		if err := t.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
			return p, t.failure(ctx, "progress", err)
		}
		p.Behind = max(0, now.Sub(first.Time()))
	}
	return p, nil
}

// behind counts what a place has not reached, and finds the first of it.
func (t *Tail) behind(ctx context.Context, r place) (n int64, oldest hlc.Timestamp, err error) {
	seen, until := r.seenOrNothing(), nothing
	var after any
	if r.until != nil {
		until, after = *r.until, r.afterAggregate[:]
	}
	var text string
	err = t.pool.QueryRow(ctx, t.sql.progress, t.types(), r.parts, r.part, r.seen == nil, number(seen.max), list(seen.without),
		after, int32(r.afterSequence), number(until.max), list(until.without)).Scan(&n, &text)
	if err != nil || n == 0 {
		return n, oldest, err
	}
	oldest, err = timestampValue([]byte(`\x`+text), pgx.TextFormatCode)
	return n, oldest, err
}

// types is the parameter for the types; NULL means all.
func (t *Tail) types() any {
	if len(t.o.Types) == 0 {
		return nil
	}
	return t.o.Types
}

func (t *Tail) refusal(reason store.TailRefusal, remedy string, args ...any) error {
	return &store.TailError{Tail: t.o.Name, Reason: reason, Remedy: fmt.Sprintf(remedy, args...)}
}

// failure is the error of a call, unless that is a refusal.
func (t *Tail) failure(ctx context.Context, doing string, err error) error {
	var refused *store.TailError
	switch {
	case err == nil || errors.As(err, &refused):
		return err
	case pgError(err) != nil && pgError(err).Code == codeReadOnly:
		return t.onReplica()
	}
	return readError(ctx, "tail "+t.o.Name+": "+doing, err)
}
