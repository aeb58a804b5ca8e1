package postgres

import (
	"slices"

	"github.com/eventmaestro/maestro/internal/body/jsonb"
	"github.com/eventmaestro/maestro/types"
)

// isolate calls again with parts of a batch that failed for something in one of its commits. Bodies
// that jsonb refuses are known without asking; else the culprit is looked for by halves.
func (s *Store) isolate(batch []*pending, err error, again func(part []*pending)) {
	if hasClass(pgError(err).Code, "22", "54") {
		good, bad := splitByBody(batch)
		if len(bad) > 0 && len(good) > 0 {
			leaveAlone(bad)
			again(good)
			return
		}
	}
	s.o.Logger.Debug("maestro: a shared statement failed, and its commits are sent by halves", "commits", len(batch), "error", err)
	again(batch[:len(batch)/2])
	again(batch[len(batch)/2:])
}

// splitByBody tells the commits with a body that jsonb refuses from the others.
func splitByBody(batch []*pending) (good, bad []*pending) {
	for _, p := range batch {
		if slices.ContainsFunc(p.commit.Events, refusedBody) {
			bad = append(bad, p)
		} else {
			good = append(good, p)
		}
	}
	return good, bad
}

func refusedBody(e types.Event) bool {
	_, err := jsonb.Canonical(e.Body)
	return err != nil
}
