package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
)

// place is a row of the table of tails: how far a part of a tail is. All that is in seen was handed
// out. Where until is set, the window between the two is being swept, and was handed out up to the
// event that the place names. A place with a stop ends there.
type place struct {
	round, part, parts int32
	types              []string
	cluster            string
	seen, until, stop  *snapshot
	afterAggregate     hlc.Timestamp
	afterSequence      types.Sequence
	known              bool // the first window leaves out what TailOptions.Known knows
	delivered          int64
	saved              time.Time
}

func (p *place) seenOrNothing() snapshot {
	if p.seen == nil {
		return nothing
	}
	return *p.seen
}

// scan reads placeColumns, and into more what follows them.
func (p *place) scan(row pgx.Row, more ...any) error {
	var seen, until, stop *string
	var aggregate []byte
	var sequence *int32
	err := row.Scan(append([]any{
		&p.round, &p.part, &p.parts, &p.types, &p.cluster, &seen, &until, &stop,
		&aggregate, &sequence, &p.known, &p.delivered, &p.saved,
	}, more...)...)
	if err != nil {
		return err
	}
	for _, s := range []struct {
		text *string
		into **snapshot
	}{{seen, &p.seen}, {until, &p.until}, {stop, &p.stop}} {
		if s.text == nil {
			continue
		}
		parsed, err := parseSnapshot(*s.text)
		if err != nil {
			return err
		}
		*s.into = &parsed
	}
	if aggregate != nil && sequence != nil {
		p.afterSequence = types.Sequence(*sequence)
		p.afterAggregate, err = hlc.FromBytes(aggregate)
	}
	return err
}

// key tells two places of a tail apart.
func (p *place) key() string {
	return fmt.Sprint(p.round, p.part, p.seen, p.until, p.afterAggregate, p.afterSequence, p.stop)
}

// ends reports whether the place is at its stop, behind all that it is to hand out.
func (p *place) ends() bool {
	return p.stop != nil && p.until == nil && p.seen != nil && p.seen.contains(*p.stop)
}

func number(x uint64) string { return strconv.FormatUint(x, 10) }

// text is a parameter for a snapshot or none.
func (s *snapshot) text() any {
	if s == nil {
		return nil
	}
	return s.String()
}

// places are the tail's rows, those of the earliest round first.
func (t *Tail) places(ctx context.Context, q querier) ([]place, error) {
	rows, err := q.Query(ctx, t.sql.rows, t.o.Name)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (place, error) {
		var p place
		return p, p.scan(row)
	})
}

// locked runs f in a transaction that has the tail's rows for itself. It waits for a batch that is
// under way, and commits if f returns nil.
func (t *Tail) locked(ctx context.Context, level pgx.TxIsoLevel, f func(tx pgx.Tx, rows []place) error) error {
	if err := t.admit(ctx); err != nil {
		return err
	}
	options := pgx.TxOptions{IsoLevel: level, AccessMode: pgx.ReadWrite}
	return pgx.BeginTxFunc(ctx, t.pool, options, func(tx pgx.Tx) error {
		// The first lock also keeps out whoever makes rows. Each lock is a statement of its own, so that
		// the next statement has a newer view.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))", "maestro tail "+t.o.Name); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT FROM "+t.sql.tails+" WHERE name = $1::text ORDER BY round, part FOR UPDATE", t.o.Name); err != nil {
			return err
		}
		rows, err := t.places(ctx, tx)
		if err != nil {
			return err
		}
		return f(tx, rows)
	})
}

// admit refuses a database that a tail can't work on. It only reads.
func (t *Tail) admit(ctx context.Context) error {
	var replica, log, column, tails, spreads bool
	var version string
	err := t.pool.QueryRow(ctx, t.sql.admit, t.sql.log, t.sql.tails).Scan(&replica, &log, &column, &tails, &spreads, &version)
	if err != nil {
		return err
	}
	if spreads {
		if err := t.pool.QueryRow(ctx, tailDistributedSQL, t.sql.log).Scan(&spreads); err != nil {
			return err
		}
	}
	switch {
	case replica:
		return t.onReplica()
	case spreads || strings.Contains(version, "-YB-") || strings.Contains(version, "CockroachDB"):
		return t.refusal(store.TailDistributed, "the event log is spread over several servers, whose transactions have no order in common: "+
			"let a projection fill a table that a program of yours reads, or keep the log on one server")
	case !log:
		return t.refusal(store.TailNoTables, "there is no table %s: make it with maestro-migrations -tail, or name its schema in TailOptions.Schema", t.sql.log)
	case !column:
		return t.refusal(store.TailNoTables, "%s has no column transaction_id that the server fills in: add it with maestro-migrations -extend -tail", t.sql.log)
	case !tails:
		return t.refusal(store.TailNoTables, "there is no table %s: make it with maestro-migrations -extend -tail", t.sql.tails)
	}
	return nil
}

func (t *Tail) onReplica() error {
	return t.refusal(store.TailOnReplica, "the server is a replica, where its place can't be saved: "+
		"use a pool on the primary (target_session_attrs=read-write)")
}

// prepare makes the tail's rows, or sees that they fit.
func (t *Tail) prepare(ctx context.Context) error {
	return t.locked(ctx, pgx.ReadCommitted, func(tx pgx.Tx, rows []place) error {
		now, cluster, err := t.now(ctx, tx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := t.accepts(r, now, cluster); err != nil {
				return err
			}
		}
		if err := t.refuseForeign(ctx, tx); err != nil {
			return err
		}
		if len(rows) == 0 {
			return t.deal(ctx, tx, place{round: 1})
		}
		last := rows[len(rows)-1]
		if last.stop == nil && int(last.parts) == t.o.Of {
			return nil
		}
		return t.dealAnew(ctx, tx, rows, now)
	})
}

// dealAnew begins a round of other parts. The places of this round end at a common snapshot. The
// new ones begin there, once all of the old ones are gone. If such a change is under way already,
// none of its new places has begun, and they are replaced.
func (t *Tail) dealAnew(ctx context.Context, tx pgx.Tx, rows []place, now snapshot) error {
	last := rows[len(rows)-1]
	next := place{round: last.round + 1, seen: &now}
	if rows[0].stop != nil {
		next.seen = last.seen
		for _, r := range rows {
			if r.stop == nil {
				next.delivered += r.delivered
			}
		}
		if _, err := tx.Exec(ctx, "DELETE FROM "+t.sql.tails+" WHERE name = $1::text AND stop IS NULL", t.o.Name); err != nil {
			return err
		}
	} else if _, err := tx.Exec(ctx, t.sql.stop, t.o.Name, now.String()); err != nil {
		return err
	}
	return t.deal(ctx, tx, next)
}

// deal makes the rows of a round, all at the place of p.
func (t *Tail) deal(ctx context.Context, tx pgx.Tx, p place) error {
	_, err := tx.Exec(ctx, t.sql.insert, t.o.Name, p.round, t.o.Of, t.o.Types, p.seen.text(), p.until.text(), p.known, p.delivered)
	return err
}

// accepts refuses a place that does not mean here, or to this tail, what it says.
func (t *Tail) accepts(p place, now snapshot, cluster string) error {
	if !slices.Equal(p.types, t.o.Types) {
		return t.refusal(store.TailOtherTypes, "the name is in use with the types [%s], not [%s]: choose another name, or delete its rows of %s to begin anew",
			strings.Join(p.types, " "), strings.Join(t.o.Types, " "), t.sql.tails)
	}
	limit := p.seenOrNothing().max
	if p.until != nil {
		limit = max(limit, p.until.max)
	}
	if p.cluster != "" && p.cluster != cluster || limit > now.max {
		return t.refusal(store.TailOtherServer, "its place is one of another database cluster, %s, from which this one, %s, was restored: "+
			"call Adopt, which goes through the log from the beginning and leaves out what TailOptions.Known says the consumer has; after pg_upgrade, "+
			"which keeps the numbers of transactions, it is enough to set the column cluster of %s to NULL", p.cluster, cluster, t.sql.tails)
	}
	return nil
}

// refuseForeign refuses a log with transactions that this server has not had yet.
func (t *Tail) refuseForeign(ctx context.Context, tx pgx.Tx) error {
	var foreign bool
	if err := tx.QueryRow(ctx, t.sql.foreign).Scan(&foreign); err != nil || !foreign {
		return err
	}
	return t.refusal(store.TailOtherServer, "the event log has transactions that this server has not had yet, as it was restored from another cluster: "+
		"call Adopt, which takes their numbers for unknown")
}

// now is what the server shows now, and the identity of its cluster.
func (t *Tail) now(ctx context.Context, tx pgx.Tx) (snapshot, string, error) {
	var text, cluster string
	if err := tx.QueryRow(ctx, "SELECT "+serverColumns).Scan(&text, &cluster); err != nil {
		return snapshot{}, "", err
	}
	s, err := parseSnapshot(text)
	return s, cluster, err
}

// Adopt lets a tail go on after the database was restored into another cluster. The saved place
// means nothing there, because each cluster counts its own transactions. The tail goes through the
// log from the beginning, and TailOptions.Known says what is not handed out again. Adopt removes
// numbers of the other cluster from the log, which rewrites as many rows as the other cluster was
// ahead of this one.
//
// It waits for a batch that is under way, and may be called while the application writes.
func (t *Tail) Adopt(ctx context.Context) error {
	var err error
	for range 10 {
		// At this level the whole transaction has one view of the log, and the snapshot is that view.
		err = t.locked(ctx, pgx.RepeatableRead, func(tx pgx.Tx, rows []place) error { return t.adopt(ctx, tx, rows) })
		if pgErr := pgError(err); pgErr == nil || pgErr.Code != codeSerialization {
			break
		}
	}
	return t.failure(ctx, "adopt", err)
}

func (t *Tail) adopt(ctx context.Context, tx pgx.Tx, rows []place) error {
	now, _, err := t.now(ctx, tx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, t.sql.renumber); err != nil {
		return err
	}
	return t.begin(ctx, tx, rows, place{until: &now, known: true})
}

// begin replaces the tail's rows.
func (t *Tail) begin(ctx context.Context, tx pgx.Tx, rows []place, at place) error {
	at.round = 1
	for _, r := range rows {
		at.round = r.round + 1
		at.delivered += r.delivered
	}
	if _, err := tx.Exec(ctx, t.sql.remove, t.o.Name); err != nil {
		return err
	}
	return t.deal(ctx, tx, at)
}

// Rewind makes the tail hand out again all events from a time on, or from the beginning with the
// zero time. It never goes forward. The time is that of the events' timestamps. Some older events
// may come again too, but no aggregate's order is broken.
//
// It waits for a batch that is under way. with runs in the same transaction, to empty what is to be
// rebuilt; it may be nil. It can't commit tx.
func (t *Tail) Rewind(ctx context.Context, to time.Time, with func(ctx context.Context, tx pgx.Tx) error) error {
	err := t.locked(ctx, pgx.ReadCommitted, func(tx pgx.Tx, rows []place) error {
		if with != nil {
			if err := with(ctx, borrowedTx{tx, errTailTx}); err != nil {
				return err
			}
		}
		lowest, beginning, err := t.since(ctx, tx, to)
		switch {
		case err != nil:
			return err
		case beginning:
			return t.begin(ctx, tx, rows, place{})
		case lowest == 0:
			return nil
		}
		for _, r := range rows {
			if r.seen == nil || r.stop == nil && rows[0].stop != nil {
				continue // at the beginning; or of the next round, which begins where the others stop
			}
			seen := r.seen.below(lowest)
			r.seen, r.until = &seen, nil
			if err := t.save(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	return t.failure(ctx, "rewind", err)
}

// since finds the number below which no transaction has an event of the time or later, nor follows
// one that has. 0 is none.
func (t *Tail) since(ctx context.Context, tx pgx.Tx, to time.Time) (lowest uint64, beginning bool, err error) {
	if to.UnixMilli() <= 0 {
		return 0, true, nil
	}
	from, err := hlc.New(to.UnixMilli(), 0, 0)
	if err != nil {
		return 0, false, fmt.Errorf("%v: %w", to, err)
	}
	var text *string
	if err := tx.QueryRow(ctx, t.sql.since, from[:]).Scan(&beginning, &text); err != nil || beginning {
		return 0, beginning, err
	}
	for text != nil {
		if lowest, err = strconv.ParseUint(*text, 10, 64); err != nil {
			return 0, false, err
		}
		if err := tx.QueryRow(ctx, t.sql.earlier, number(lowest)).Scan(&text); err != nil {
			return 0, false, err
		}
	}
	return lowest, false, nil
}

// save writes a place that is locked.
func (t *Tail) save(ctx context.Context, tx pgx.Tx, p place) error {
	_, err := tx.Exec(ctx, t.sql.save, t.savedAs(p)...)
	return t.goneOr(err)
}

// savedAs are the parameters that a place is saved with.
func (t *Tail) savedAs(p place) []any {
	var aggregate, sequence any
	if p.until != nil {
		aggregate, sequence = p.afterAggregate[:], int32(p.afterSequence)
	}
	return []any{t.o.Name, p.round, p.part, p.cluster, p.seen.text(), p.until.text(), aggregate, sequence, p.known, p.delivered}
}

// goneOr says what it means that a place could not be saved.
func (t *Tail) goneOr(err error) error {
	if said := pgError(err); said != nil && said.Code == codeDivisionByZero {
		return fmt.Errorf("its row of %s is gone: %w", t.sql.tails, err)
	}
	return err
}
