package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgproxy"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
)

// Names of paths that are taken only sometimes. A round in which one of those was never taken that
// its kind must reach has proved less than it seems to.
const (
	pathConflict     = "conflict"
	pathBatch        = "several commands in a commit"
	pathDoubt        = "a commit in doubt"
	pathRepeated     = "doubt: stored by the repeat"
	pathOurs         = "doubt: settled by our own rows"
	pathTheirs       = "doubt: somebody else's event is there"
	pathBack         = "the log went back: a commit refused for its predecessor"
	pathDropped      = "the log went back: a state dropped"
	pathDuplicate    = "duplicate command"
	pathGuard        = "server: guard raised"
	pathFlush        = "server: flush after doubt"
	pathQueue        = "server: queue entered"
	pathNotWaited    = "server: gave up waiting for its standby"
	pathTransactions = "transaction of two aggregates"
	pathTxRepeated   = "transaction repeated"
	pathSnapshot     = "snapshot stored"
	pathBeyond       = pgproxy.BeyondAll
	pathIsolated     = "log: maestro: a shared statement failed, and its commits are sent by halves"
)

// paths counts how often paths were taken.
type paths struct {
	mu     sync.Mutex
	counts map[string]int // guarded by mu
}

func (p *paths) add(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts == nil {
		p.counts = map[string]int{}
	}
	p.counts[name]++
}

// take returns what was counted since the last call.
func (p *paths) take() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := p.counts
	p.counts = nil
	return counts
}

// missing returns those of the wanted paths that were never taken.
func missing(counts map[string]int, wanted []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return counts[name] > 0 })
}

func (p *paths) hooks() aggregate.Hooks {
	return aggregate.Hooks{
		Conflict: func(context.Context, aggregate.Conflict) { p.add(pathConflict) },
		Commit: func(_ context.Context, c aggregate.Committed) {
			if c.Commands > 1 {
				p.add(pathBatch)
			}
		},
		LogWentBack: func(context.Context, *aggregate.LogWentBackError) { p.add(pathDropped) },
		Snapshot: func(s aggregate.Saved) {
			if s.Err == nil {
				p.add(pathSnapshot)
			}
		},
	}
}

// logger counts what an operator is told, by its text.
func (p *paths) logger() *slog.Logger { return slog.New(lines{p}) }

type lines struct{ *paths }

func (lines) Enabled(context.Context, slog.Level) bool { return true }
func (l lines) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l lines) WithGroup(string) slog.Handler          { return l }
func (l lines) Handle(_ context.Context, r slog.Record) error {
	l.add("log: " + r.Message)
	return nil
}

// watched is the store of a writer, with an eye on what became of its commits.
type watched struct {
	*postgres.Store
	paths *paths

	mu      sync.Mutex
	doubted map[hlc.Timestamp]bool // guarded by mu: first timestamps of commits in doubt
}

// Commit stores a commit and counts what came of it.
func (w *watched) Commit(ctx context.Context, c store.Commit) error {
	err := w.Store.Commit(ctx, c)
	if errors.Is(err, store.ErrDuplicateCommand) {
		w.paths.add(pathDuplicate)
	}
	if errors.Is(err, store.ErrNoPredecessor) {
		w.paths.add(pathBack)
	}
	if len(c.Events) == 0 {
		return err
	}
	first := c.Events[0].Timestamp
	w.mu.Lock()
	defer w.mu.Unlock()
	var conflict *store.ConflictError
	switch again := w.doubted[first]; {
	case errors.Is(err, store.ErrOutcomeUnknown):
		w.paths.add(pathDoubt)
		w.doubted[first] = true
	case !again:
	case err == nil:
		w.paths.add(pathRepeated)
	case errors.As(err, &conflict):
		if slices.ContainsFunc(conflict.Events, func(e types.Event) bool { return e.Timestamp == first }) {
			w.paths.add(pathOurs)
		} else {
			w.paths.add(pathTheirs)
		}
	}
	return err
}

// ask counts the statements that are sent on some paths only.
func (p *paths) ask(sql string) {
	switch {
	case strings.Contains(sql, "pg_logical_emit_message"):
		p.add(pathFlush)
	case strings.Contains(sql, "pg_advisory_xact_lock"):
		p.add(pathQueue)
	}
}

// hear counts what the server says beside its answers.
func (p *paths) hear(f pgproxy.Frame) {
	if f.Kind != 'E' && f.Kind != 'N' {
		return
	}
	switch message := f.Field('M'); {
	case strings.Contains(message, "synchronous replication"):
		p.add(pathNotWaited)
	case strings.Contains(message, guardMark):
		p.add(pathGuard)
	case f.Kind == 'E':
		p.add("server: error " + f.Field('C'))
	}
}

// guardMark is in the error with which a shared statement takes itself back.
const guardMark = `integer: "maestro: `

// mustReach is the paths that a round has to take, or it has not proved what it is there for.
func (a *arena) mustReach() []string {
	must := []string{pathConflict, pathBatch, pathDoubt, pathSnapshot, pathQueue, pathTransactions, pathTxRepeated, pathFlush}
	switch a.kind {
	case single:
		must = append(must, pathRepeated, pathOurs, pathTheirs)
		if !a.short { // too rare for a short round
			must = append(must, pathDuplicate, pathBeyond)
		}
	case asynchronous:
		must = append(must, pathDropped, pathGuard)
	case synchronous:
		must = append(must, pathNotWaited, pathGuard)
	}
	return must
}

// printPaths prints how often paths were taken, and which of those were not that must be.
func (v *verdict) printPaths(out io.Writer) {
	for _, name := range slices.Sorted(maps.Keys(v.paths)) {
		fmt.Fprintf(out, "  path %-52s %d\n", name, v.paths[name])
	}
	for _, name := range v.missing {
		fmt.Fprintf(out, "never taken: %s\n", name)
	}
}
