package postgres

import (
	"context"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Follow reads what is new of an aggregate; see store.Follower. Calls at the same moment share a
// statement, as commits do. Options.CommitTimeout bounds the call, and the end of ctx ends its wait
// for a turn.
func (s *Store) Follow(ctx context.Context, id hlc.Timestamp, from types.Sequence) (events []types.Event, more bool, err error) {
	p := s.pendings.of(store.Commit{AggregateID: id})
	p.from = max(from, 1)
	s.follows.do(ctx, p)
	events, err = p.news, p.err
	s.pendings.put(p)
	return events, len(events) == newsLimit, err
}

// runFollow reads the news of all in batch.
func (s *Store) runFollow(ctx context.Context, conn *pgxpool.Conn, batch []*pending) {
	sortBatch(batch)
	ctx, end := s.seenThrough(ctx, conn, batch)
	defer end()
	err := s.planned(ctx, conn, func(q querier) error { return s.askNews(ctx, q, batch) })
	if err == nil {
		return
	}
	err = readError(ctx, "read events", err)
	for _, p := range batch {
		p.err = err
	}
}
