package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// insert stores what it can of batch, which is sorted, in one statement, and marks it. It sees the
// statement through.
func (s *Store) insert(ctx context.Context, conn *pgxpool.Conn, batch []*pending, timeout string) error {
	ctx, end := s.seenThrough(ctx, conn, batch)
	defer end()
	if s.conflicts.none() {
		sql, args, release := s.plainCall(batch, timeout)
		tag, err := conn.Exec(ctx, sql, args...)
		release()
		if err == nil {
			mark(batch, true)
			return complete(tag, batch)
		}
		if !isRefusal(err) {
			if fateOf(err) == fateUnknown {
				s.conflicts.met() // it may have been a conflict
			}
			return err
		}
		s.conflicts.met()
	}
	mark(batch, false)
	if err := s.insertCareful(ctx, conn, batch, timeout); err != nil {
		return err
	}
	return s.explain(ctx, conn, batch)
}

// complete checks that a plain statement stored all events. Only a trigger or a rule that somebody
// put on the table can have kept it from that.
func complete(tag pgconn.CommandTag, batch []*pending) error {
	want := int64(0)
	for _, p := range batch {
		want += int64(len(p.commit.Events))
	}
	if got := tag.RowsAffected(); got != want {
		return fmt.Errorf("%w: %d of %d events: does event_log have a trigger or a rule?", store.ErrOutcomeUnknown, got, want)
	}
	return nil
}

// insertCareful stores what of batch nothing stands against, and tells the others the news.
func (s *Store) insertCareful(ctx context.Context, q querier, batch []*pending, timeout string) error {
	sql, args, release := s.carefulCall(batch, timeout)
	defer release()
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return s.readOutcome(rows, batch)
}

// isOne reports whether the only commit is of one event and nothing else.
func isOne(batch []*pending) bool {
	return len(batch) == 1 && len(batch[0].commit.Events) == 1 && len(batch[0].commit.Commands) == 0
}

// plainCall is the statement that stores all of batch or fails. The arguments are good until
// release is called.
func (s *Store) plainCall(batch []*pending, timeout string) (sql string, args []any, release func()) {
	if isOne(batch) {
		return s.sql.one, s.oneArguments(batch[0].commit, timeout), func() {}
	}
	columns := s.columns.get()
	records := 0
	for _, p := range batch {
		records += len(p.commit.Commands)
		for i := range p.commit.Events {
			s.addEvent(columns, p.commit, i)
		}
	}
	args = columns.arguments(append(make([]any, 0, 14), timeout), s.o.Metadata)
	if s.o.Commands {
		args = recordArguments(args, batch, records)
	}
	return s.sql.plain, args, func() { s.columns.put(columns) }
}

func (s *Store) oneArguments(c *store.Commit, timeout string) []any {
	e := &c.Events[0]
	args := append(make([]any, 0, 8), timeout, e.Timestamp[:], e.AggregateID[:], int32(e.Sequence), e.Type, string(e.Body), guardOf(c, 0))
	if s.o.Metadata {
		args = append(args, metadataText(e.Metadata))
	}
	return args
}

// carefulCall is the careful statement for batch. The arguments are good until release is called.
func (s *Store) carefulCall(batch []*pending, timeout string) (sql string, args []any, release func()) {
	heads, tails := s.columns.get(), s.columns.get()
	lengths := make([]int32, 0, len(batch)) // of the tails
	records, several := 0, false            // events in some commit
	for _, p := range batch {
		records += len(p.commit.Commands)
		several = several || len(p.commit.Events) > 1
		for n := range p.commit.Events {
			if n == 0 {
				s.addEvent(heads, p.commit, n)
				lengths = append(lengths, int32(len(p.commit.Events)-1))
			} else {
				s.addEvent(tails, p.commit, n)
			}
		}
	}
	args = append(make([]any, 0, 24), timeout)
	args, sql = heads.arguments(args, s.o.Metadata), s.sql.heads
	if several {
		args, sql = tails.arguments(append(args, lengths), s.o.Metadata), s.sql.careful
	}
	if s.o.Commands {
		args = recordArguments(args, batch, records)
	}
	return sql, args, func() { s.columns.put(heads); s.columns.put(tails) }
}

func (s *Store) addEvent(to *columns, c *store.Commit, i int) {
	e := &c.Events[i]
	metadata := ""
	if s.o.Metadata {
		metadata = metadataText(e.Metadata)
	}
	to.add(e, guardOf(c, i), metadata)
}

func recordArguments(args []any, batch []*pending, n int) []any {
	aggregates, fingerprints := make(pgtype.FlatArray[[]byte], 0, n), make(pgtype.FlatArray[[]byte], 0, n)
	ids := make([]string, 0, n)
	firsts, lasts := make([]int32, 0, n), make([]int32, 0, n)
	bare, guards := make([]bool, 0, n), make(pgtype.FlatArray[[]byte], 0, n)
	for _, p := range batch {
		for i := range p.commit.Commands {
			r := &p.commit.Commands[i]
			aggregates = append(aggregates, p.commit.AggregateID[:])
			ids = append(ids, r.ID)
			fingerprints = append(fingerprints, r.Fingerprint[:])
			firsts = append(firsts, int32(r.After+1))
			lasts = append(lasts, int32(r.Last))
			bare = append(bare, len(p.commit.Events) == 0)
			guards = append(guards, p.decidedOn())
		}
	}
	return append(args, aggregates, ids, fingerprints, firsts, lasts, bare, guards)
}

func mark(batch []*pending, stored bool) {
	for _, p := range batch {
		p.stored = stored
	}
}

// commitOf returns the commit of aggregate id in batch, which is sorted by aggregate, or nil.
func commitOf(batch []*pending, id hlc.Timestamp) *pending {
	i, found := slices.BinarySearchFunc(batch, id, func(p *pending, id hlc.Timestamp) int { return p.commit.AggregateID.Compare(id) })
	if !found {
		return nil
	}
	return batch[i]
}

// sortBatch puts commits into the order in which every statement takes its locks, in every process,
// so that two of them can't wait for each other.
func sortBatch(batch []*pending) {
	slices.SortFunc(batch, func(a, b *pending) int { return a.commit.AggregateID.Compare(b.commit.AggregateID) })
}
