package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// insert stores what it can of batch, which is sorted, in one statement, and marks it. It sees the statement through.
func (s *Store) insert(ctx context.Context, conn *pgxpool.Conn, batch []*pending, timeout string) error {
	ctx, end := s.seenThrough(ctx, conn)
	defer end()
	if s.calm.holds() {
		sql, args, release := s.plainCall(batch, timeout)
		tag, err := conn.Exec(ctx, sql, args...)
		release()
		if err == nil {
			mark(batch, true)
			return complete(tag, batch)
		}
		if !isUnique(err) {
			return err
		}
		s.calm.ends()
	}
	mark(batch, false)
	err := s.insertCareful(ctx, conn, batch, timeout)
	if err == nil {
		s.calm.tell(batch)
	}
	return err
}

// complete checks that a plain statement stored all events. Only a trigger or a rule that somebody put on the table can
// have kept it from that.
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

// insertCareful stores what of batch is not in conflict.
func (s *Store) insertCareful(ctx context.Context, q querier, batch []*pending, timeout string) error {
	switch {
	case !simple(batch):
		return s.insertGeneral(ctx, q, batch, timeout, false)
	case len(batch) == 1:
		tag, err := q.Exec(ctx, s.sql.single, s.oneArguments(batch[0].commit, timeout)...)
		batch[0].stored = tag.RowsAffected() == 1
		return err
	default:
		return s.insertShared(ctx, q, batch, timeout)
	}
}

// simple reports whether all commits are of one event and nothing else.
func simple(batch []*pending) bool {
	for _, p := range batch {
		if len(p.commit.Events) != 1 || len(p.commit.Commands) > 0 {
			return false
		}
	}
	return true
}

// plainCall is the statement that stores all of batch or fails. The arguments are good until release is called.
func (s *Store) plainCall(batch []*pending, timeout string) (sql string, args []any, release func()) {
	if len(batch) == 1 && simple(batch) {
		return s.sql.plainOne, s.oneArguments(batch[0].commit, timeout), func() {}
	}
	columns := s.columns.get()
	records := 0
	for _, p := range batch {
		records += len(p.commit.Commands)
		for i := range p.commit.Events {
			s.addEvent(columns, p.commit, i)
		}
	}
	sql = s.sql.plain
	args = columns.arguments(append(make([]any, 0, 13), timeout), s.o.Metadata)
	if records > 0 {
		sql, args = s.sql.plainRecorded, recordArguments(args, batch, records)
	}
	return sql, args, func() { s.columns.put(columns) }
}

func (s *Store) oneArguments(c *store.Commit, timeout string) []any {
	e := &c.Events[0]
	args := append(make([]any, 0, 7), timeout, e.Timestamp[:], e.AggregateID[:], int32(e.Sequence), e.Type, string(e.Body))
	if s.o.Metadata {
		args = append(args, metadataText(e.Metadata))
	}
	return args
}

// insertShared stores the events that are not in conflict, one a commit.
func (s *Store) insertShared(ctx context.Context, q querier, batch []*pending, timeout string) error {
	columns := s.columns.get()
	defer s.columns.put(columns)
	for _, p := range batch {
		s.addEvent(columns, p.commit, 0)
	}
	rows, err := q.Query(ctx, s.sql.shared, columns.arguments([]any{timeout}, s.o.Metadata)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		id, err := aggregateOf(rows)
		if err != nil {
			return err
		}
		markStored(batch, id)
	}
	return rows.Err()
}

// insertGeneral stores the whole commits that are not in conflict. With strict it stores all or fails with a guard error.
func (s *Store) insertGeneral(ctx context.Context, q querier, batch []*pending, timeout string, strict bool) error {
	sql, args, release := s.generalCall(batch, timeout, strict)
	defer release()
	return scanStored(q.QueryRow(ctx, sql, args...), batch)
}

// scanStored marks the commits that a general statement stored.
func scanStored(row pgx.Row, batch []*pending) error {
	var ids [][]byte
	var guard int32
	if err := row.Scan(&ids, &guard); err != nil {
		return err
	}
	for _, raw := range ids {
		id, err := hlc.FromBytes(raw)
		if err != nil {
			return err
		}
		markStored(batch, id)
	}
	return nil
}

// generalCall is the general statement for batch. The arguments are good until release is called.
func (s *Store) generalCall(batch []*pending, timeout string, strict bool) (sql string, args []any, release func()) {
	heads, tails := s.columns.get(), s.columns.get()
	aggregates, lengths := make(pgtype.FlatArray[[]byte], len(batch)), make([]int32, len(batch))
	records := 0
	for i, p := range batch {
		aggregates[i] = p.commit.AggregateID[:]
		lengths[i] = int32(max(0, len(p.commit.Events)-1))
		records += len(p.commit.Commands)
		for n := range p.commit.Events {
			if n == 0 {
				s.addEvent(heads, p.commit, n)
			} else {
				s.addEvent(tails, p.commit, n)
			}
		}
	}
	args = make([]any, 0, 22)
	args = append(args, timeout, strict, aggregates, lengths)
	args = heads.arguments(args, s.o.Metadata)
	args = tails.arguments(args, s.o.Metadata)
	sql = s.sql.general
	if records > 0 {
		sql, args = s.sql.recorded, recordArguments(args, batch, records)
	}
	return sql, args, func() { s.columns.put(heads); s.columns.put(tails) }
}

func (s *Store) addEvent(to *columns, c *store.Commit, i int) {
	e := &c.Events[i]
	if s.o.Metadata {
		to.add(e, metadataText(e.Metadata))
	} else {
		to.add(e, "")
	}
}

func recordArguments(args []any, batch []*pending, n int) []any {
	aggregates, fingerprints := make(pgtype.FlatArray[[]byte], 0, n), make(pgtype.FlatArray[[]byte], 0, n)
	ids := make([]string, 0, n)
	firsts, lasts := make([]int32, 0, n), make([]int32, 0, n)
	bare := make([]bool, 0, n)
	for _, p := range batch {
		for i := range p.commit.Commands {
			r := &p.commit.Commands[i]
			aggregates = append(aggregates, p.commit.AggregateID[:])
			ids = append(ids, r.ID)
			fingerprints = append(fingerprints, r.Fingerprint[:])
			firsts = append(firsts, int32(r.After+1))
			lasts = append(lasts, int32(r.Last))
			bare = append(bare, len(p.commit.Events) == 0)
		}
	}
	return append(args, aggregates, ids, fingerprints, firsts, lasts, bare)
}

func mark(batch []*pending, stored bool) {
	for _, p := range batch {
		p.stored = stored
	}
}

// markStored marks the commit of aggregate id in batch, which is sorted by aggregate.
func markStored(batch []*pending, id hlc.Timestamp) {
	i, found := slices.BinarySearchFunc(batch, id, func(p *pending, id hlc.Timestamp) int { return p.commit.AggregateID.Compare(id) })
	if found {
		batch[i].stored = true
	}
}

// sortBatch puts commits into the order in which every statement takes its locks, in every process, so that
// two of them can't wait for each other.
func sortBatch(batch []*pending) {
	slices.SortFunc(batch, func(a, b *pending) int { return a.commit.AggregateID.Compare(b.commit.AggregateID) })
}
