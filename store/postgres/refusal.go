package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventmaestro/maestro/store"
)

// errNoReason is the reason of a commit that was not stored, although the log now has nothing
// against it.
var errNoReason = errors.New("another transaction was in the way and is gone")

func errOr(err error) error {
	if err == nil {
		return errNoReason
	}
	return err
}

// refusal finds out why the attempt at p did not store it, and returns nil if there is no reason to
// be found, so that another attempt may succeed. The database is only asked on this path, so its
// cost does not matter. A conflict comes before all other reasons.
func (s *Store) refusal(ctx context.Context, q querier, p *pending, races int) error {
	if err := p.verdict(); err != nil {
		return err
	}
	ctx, cancel := s.sending(ctx)
	defer cancel()
	if err := s.lookAgain(ctx, q, p); err != nil {
		return notAnswered("look for a conflict", err)
	}
	if err := p.verdict(); err != nil {
		return err
	}
	if len(p.commit.Commands) > 0 {
		if err := s.usedCommand(ctx, q, p.commit); err != nil {
			return err
		}
	}
	if p.err == nil || isGuard(p.err) {
		return nil
	}
	switch fateOf(p.err) {
	case fateRaced:
		return nil
	case fateParticular:
		// The unique index on the timestamp may notice a commit that is being stored twice before the one
		// on the sequence does. The second time that can't be.
		if pgError(p.err).Code == codeUniqueViolation && races == 0 {
			return nil
		}
		return s.describe(ctx, q, p.commit, p.err)
	}
	return translate("commit events", p.err)
}

// unlessConflict returns err. If err is a projection's and the log has something against p, it
// returns that instead.
func (s *Store) unlessConflict(ctx context.Context, p *pending, err error) error {
	var projection *store.ProjectionError
	if !errors.As(err, &projection) {
		return err
	}
	ctx, cancel := s.sending(ctx)
	defer cancel()
	if s.lookAgain(ctx, s.pool, p) == nil {
		if refused := p.verdict(); refused != nil {
			return refused
		}
	}
	return err
}

// lookAgain asks for the news of p.
func (s *Store) lookAgain(ctx context.Context, q querier, p *pending) error {
	if len(p.commit.Events) == 0 && p.decidedOn() == nil {
		return nil
	}
	return s.planned(ctx, q, func(q querier) error { return s.askNews(ctx, q, []*pending{p}) })
}

// askRouted is askNews for one commit, by a statement that names its aggregate as a plain
// parameter.
func (s *Store) askRouted(ctx context.Context, q querier, p *pending) (err error) {
	c := p.commit
	rows, err := q.Query(ctx, s.sql.from, c.AggregateID[:], p.since())
	if err != nil {
		return err
	}
	p.news, err = s.readEvents(rows, c.AggregateID)
	p.told = err == nil
	return err
}

// usedCommand returns ErrDuplicateCommand if one of the command IDs of c is in use.
func (s *Store) usedCommand(ctx context.Context, q querier, c *store.Commit) error {
	own := make(map[string]struct{}, len(c.Commands))
	for _, r := range c.Commands {
		record, err := s.lookup(ctx, q, c.AggregateID, r.ID)
		if err != nil {
			return notAnswered("look up command", err)
		}
		if _, twice := own[r.ID]; twice || record != nil {
			return fmt.Errorf("%w: %q", store.ErrDuplicateCommand, r.ID)
		}
		own[r.ID] = struct{}{}
	}
	return nil
}

// describe translates a refusal for what the events of c say.
func (s *Store) describe(ctx context.Context, q querier, c *store.Commit, err error) error {
	pgErr := pgError(err)
	if pgErr.Code == codeUniqueViolation {
		if used := s.usedCommand(ctx, q, c); used != nil {
			return used
		}
		if s.takenTimestamp(ctx, q, c) {
			return fmt.Errorf("%w: %w", store.ErrDuplicateTimestamp, err)
		}
	}
	invalid := &store.InvalidEventError{AggregateID: c.AggregateID, Field: "commit", Reason: "is refused by the database", Err: err}
	if len(c.Events) == 0 {
		return invalid
	}
	bodies := func(i int) string { return string(c.Events[i].Body) }
	metadata := func(i int) string { return metadataText(c.Events[i].Metadata) }
	if i := s.badText(ctx, q, len(c.Events), bodies); i >= 0 {
		invalid.Sequence, invalid.Field = c.Events[i].Sequence, "body"
	} else if i := s.metadataFault(ctx, q, len(c.Events), metadata); i >= 0 {
		invalid.Sequence, invalid.Field = c.Events[i].Sequence, "metadata"
	}
	return invalid
}

// takenTimestamp reports whether the log has one of the timestamps of c. It looks in the aggregate
// first, for which every schema has an index. The name of the violated constraint would not tell:
// each partition or shard has names of its own.
func (s *Store) takenTimestamp(ctx context.Context, q querier, c *store.Commit) (taken bool) {
	stamps := make([][]byte, len(c.Events))
	for i := range c.Events {
		stamps[i] = c.Events[i].Timestamp[:]
	}
	id := c.AggregateID[:]
	ask := func(sql string, args ...any) error {
		return s.planned(ctx, q, func(q querier) error { return q.QueryRow(ctx, sql, args...).Scan(&taken) })
	}
	if ask(s.sql.takenHere, stamps, id) != nil || taken || s.routes() { // where they are unique in an aggregate only
		return taken
	}
	return ask(s.sql.taken, stamps) == nil && taken
}

func (s *Store) metadataFault(ctx context.Context, q querier, n int, text func(int) string) int {
	if !s.o.Metadata {
		return -1
	}
	return s.badText(ctx, q, n, text)
}

// badText returns the index of the first of n texts that can't be a jsonb, or -1 if there is none
// or the database can't tell.
func (s *Store) badText(ctx context.Context, q querier, n int, text func(int) string) int {
	if !s.refuses(ctx, q, 0, n, text) {
		return -1
	}
	low, high := 0, n
	for high-low > 1 {
		middle := (low + high) / 2
		if s.refuses(ctx, q, low, middle, text) {
			high = middle
		} else {
			low = middle
		}
	}
	return low
}

// refuses reports whether the server says that one of the texts is not a jsonb.
func (s *Store) refuses(ctx context.Context, q querier, low, high int, text func(int) string) bool {
	list := make([]string, 0, high-low)
	for i := low; i < high; i++ {
		if t := text(i); t != "" {
			list = append(list, t)
		}
	}
	var n int64
	err := s.isolated(ctx, q, func(q querier) error {
		return s.planned(ctx, q, func(q querier) error { return q.QueryRow(ctx, s.sql.badText, list).Scan(&n) })
	})
	return err != nil && fateOf(err) == fateParticular
}
