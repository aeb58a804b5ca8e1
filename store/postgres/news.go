package postgres

import (
	"context"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// verdict tells why p was not stored, from the news: what the log has from the event before its
// first on. Nil means that the news don't tell. A conflict comes before all other reasons.
func (p *pending) verdict() error {
	c := p.commit
	if !p.told || len(c.Events) == 0 && p.decidedOn() == nil {
		return nil
	}
	first, last := p.span()
	for _, e := range p.news {
		if first <= e.Sequence && e.Sequence <= last {
			return &store.ConflictError{AggregateID: c.AggregateID, Events: p.news, More: len(p.news) == newsLimit}
		}
	}
	if first == 1 {
		return nil
	}
	if len(p.news) == 0 || p.news[0].Sequence != first-1 || !c.Predecessor.IsZero() && p.news[0].Timestamp != c.Predecessor {
		return &store.PredecessorError{AggregateID: c.AggregateID, Sequence: first - 1, Timestamp: c.Predecessor}
	}
	return nil
}

// explain sees to it that the commits of batch which were not stored know why, as far as the log
// can tell: where the statement that refused them didn't see it yet, they had to wait for it, and
// one more asks for all of them.
func (s *Store) explain(ctx context.Context, q querier, batch []*pending) error {
	var unclear []*pending
	refused := 0
	for _, p := range batch {
		if p.stored || len(p.commit.Events) == 0 {
			continue
		}
		if refused++; p.verdict() == nil {
			unclear = append(unclear, p)
		}
	}
	s.conflicts.tell(len(batch), refused, len(unclear))
	if len(unclear) == 0 {
		return nil
	}
	return s.askNews(ctx, q, unclear)
}

// since is the first sequence of p's news: of a commit that of its predecessor.
func (p *pending) since() int32 {
	if p.from > 0 {
		return int32(p.from)
	}
	first, _ := p.span()
	return int32(first - 1)
}

// askNews reads the news of all in batch, which is sorted, and whose commits have events where they
// are no reads.
func (s *Store) askNews(ctx context.Context, q querier, batch []*pending) error {
	if s.routes() {
		for _, p := range batch {
			if err := s.newsWhole(ctx, q, p); err != nil {
				return err
			}
		}
		return nil
	}
	ids, from := make(pgtype.FlatArray[[]byte], len(batch)), make([]int32, len(batch))
	for i, p := range batch {
		ids[i], from[i] = p.commit.AggregateID[:], p.since()
	}
	rows, err := q.Query(ctx, s.sql.news, ids, from)
	if err != nil {
		return err
	}
	return s.readOutcome(rows, batch)
}

// readBatched is readOutcome for the next result of a batch.
func (s *Store) readBatched(results pgx.BatchResults, batch []*pending) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	return s.readOutcome(rows, batch)
}

// readOutcome reads what a careful statement, or one for news, says of the commits in batch.
func (s *Store) readOutcome(rows pgx.Rows, batch []*pending) error {
	defer rows.Close()
	for _, p := range batch {
		p.stored, p.news, p.told = false, nil, false
	}
	d := decoder{metadata: s.o.Metadata, log: s.o.Logger}
	for rows.Next() {
		id := len(rows.RawValues()) - 1
		if rows.RawValues()[id] == nil {
			continue // the guard
		}
		aggregate, err := timestampValue(rows.RawValues()[id], rows.FieldDescriptions()[id].Format)
		if err != nil {
			return fault("aggregate id", err)
		}
		p := commitOf(batch, aggregate)
		switch {
		case p == nil:
			continue
		case rows.RawValues()[0] == nil:
			p.stored = true
			continue
		case d.id != aggregate:
			d.id, d.last = aggregate, 0
		}
		e, err := d.entry(rows)
		if err != nil {
			return err
		}
		p.news = append(p.news, e.Event)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, p := range batch {
		p.told = true
	}
	return nil
}

// readEvents reads the events of one aggregate.
func (s *Store) readEvents(rows pgx.Rows, id hlc.Timestamp) ([]types.Event, error) {
	defer rows.Close()
	var events []types.Event
	d := decoder{id: id, metadata: s.o.Metadata, log: s.o.Logger}
	for rows.Next() {
		e, err := d.entry(rows)
		if err != nil {
			return nil, err
		}
		events = append(events, e.Event)
	}
	return events, rows.Err()
}
