package sim

import (
	"context"
	"log/slog"
	"maps"
)

// told counts what an operator is told. Paths that are taken only sometimes are known by it.
type told struct{ w *world }

// Enabled is part of slog.Handler, and so is what follows.
func (told) Enabled(context.Context, slog.Level) bool { return true }

func (t told) WithAttrs([]slog.Attr) slog.Handler { return t }

func (t told) WithGroup(string) slog.Handler { return t }

// Handle counts a line by its message, and by the outcome that it tells.
func (t told) Handle(_ context.Context, r slog.Record) error {
	name := "log: " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "outcome" {
			name += ": " + a.Value.String()
		}
		return true
	})
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	t.w.lines[name]++
	return nil
}

// total returns all that was counted, when all is over.
func (w *world) total() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.Copy(w.counts, w.lines)
	return w.counts
}

// rare are paths that many seeds together have to take, or they prove less than they seem to.
var rare = []string{
	"acked", "unknown", "rejected", "expected", "reused", "conflicts",
	"log: the answer to a commit got lost",
	"log: a commit in doubt is settled: stored by the repeat",
	"log: a commit in doubt is settled: the first attempt was stored",
	"log: a commit in doubt is settled: not stored: somebody else was first",
}

// rareInMemory are those of the simulated store, rareOnPostgres those of the real one.
var (
	rareInMemory = append([]string{
		"crashed", "the store went back", "events lost with it", "handed out by the tail",
		"fault: commit late", "fault: end late", "fault: commit conflict", "fault: commit panic",
		"log: a commit in doubt is settled: not stored: the command ID was used before",
		"log: a commit in doubt is settled: not stored: the log went back",
		"log: the log went back; the state in memory was dropped",
		"log: the answer to a transaction's commit got lost",
		"log: another clock has the same node id; this one has a new id now",
	}, rare...)
	rareOnPostgres = append([]string{
		"cut before", "cut late", "cut reply lost",
	}, rare...)
)
