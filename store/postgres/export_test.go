package postgres

import "context"

// ReadBeside reads all that the server has, as a tail reads ahead on another connection.
func (t *Tail) ReadBeside(ctx context.Context, server string, limit string) (n int, err error) {
	shown, err := parseSnapshot(limit)
	if err != nil {
		return 0, err
	}
	s := &tailStep{tailWorker: &tailWorker{t: t}, started: server, limit: shown}
	sql, args := s.question(place{parts: 1, seen: &nothing}, shown)
	err = s.readBeside(ctx, ctx, "", &s.spare, sql, args)
	return len(s.spare.all), err
}

// ErrOtherServer is why nothing is read there.
var ErrOtherServer = errOtherServer

// Waiting returns how many commits wait for a committer.
func (s *Store) Waiting() int {
	n := 0
	for _, c := range []*combiner{s.plain, s.projected, s.joint, s.crowd} {
		c.mu.Lock()
		n += len(c.waiting)
		c.mu.Unlock()
	}
	return n
}

// SetCalm makes the next statements plain, or careful.
func (s *Store) SetCalm(calm bool) {
	s.conflicts.careful.Store(0)
	if calm {
		s.conflicts.careful.Store(plainAfter)
	}
}

// Routes reports whether each commit has statements of its own.
func (s *Store) Routes() bool { return s.routes() }

// LoadSQL returns the statement of Load.
func (s *Store) LoadSQL() string { return s.sql.load }

// Leading reports whether a committer is at work or waits for a connection.
func (s *Store) Leading() bool {
	for _, c := range []*combiner{s.plain, s.joint} {
		c.mu.Lock()
		active := c.active
		c.mu.Unlock()
		if active > 0 {
			return true
		}
	}
	return false
}

// SearchBound is how long a search for what blocks a crowd may wait.
const SearchBound = maxBlocked*isolatingLock + sharedLock
