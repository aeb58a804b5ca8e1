package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Feature is something that an adapter may lack.
type Feature string

// The features. What an adapter doesn't offer has to be listed in [Harness.Lacks], and what is
// listed there must not be offered: a suite that leaves out clauses on its own proves nothing.
const (
	// FeatureProcesses: several processes can use one database. Offered with Harness.Other.
	FeatureProcesses Feature = "processes"

	// FeatureProjections: projections of the adapter's own kind run with a commit. Offered with
	// Harness.Projection and Harness.Recorder.
	FeatureProjections Feature = "projections"

	// FeatureTransactions: commits can be part of a transaction of the application. Offered with
	// Harness.Begin.
	FeatureTransactions Feature = "transactions"

	// FeatureMetadata: the metadata of events is kept. Offered unless listed.
	FeatureMetadata Feature = "metadata"

	// FeatureCommands: the adapter is a store.CommandLog.
	FeatureCommands Feature = "commands"

	// FeatureRedaction: the adapter is a store.Redactor.
	FeatureRedaction Feature = "redaction"

	// FeatureGlobalTimestamps: a timestamp that an event of another aggregate has is refused, too.
	// Offered unless listed. A table that is partitioned by aggregate may lack it.
	FeatureGlobalTimestamps Feature = "global timestamps"

	// FeatureOwnTransactions: the adapter is a store.Transactor. Offered unless listed.
	FeatureOwnTransactions Feature = "own transactions"

	// FeatureFlush: the adapter is a store.Flusher. Offered unless listed.
	FeatureFlush Feature = "flush"

	// FeatureLine: it can be told how many wait for a lock. Offered with Harness.Waiting.
	FeatureLine Feature = "line"

	// FeatureConnections: a transaction has a connection that can get lost. Offered with
	// Harness.Sever.
	FeatureConnections Feature = "connections"

	// FeatureCheckpoint: the test can make the database go back. Offered with Harness.Checkpoint.
	FeatureCheckpoint Feature = "checkpoint"
)

// Harness tells the suite how to use an adapter. Its functions are called by several tests at once.
type Harness struct {
	// New returns a store that is empty and shared with no other test. What has to be ended is
	// registered with t.Cleanup. Required.
	New func(t testing.TB) store.Adapter

	// Lacks are the features that the adapter doesn't offer.
	Lacks []Feature

	// Other opens the database of a, which New returned, once more, as another process would.
	Other func(t testing.TB, a store.Adapter) store.Adapter

	// Projection makes a projection that calls f for every event and returns its error.
	Projection func(f func(ctx context.Context, e types.Event) error) store.Projection

	// Recorder makes a projection that writes a row an event, in the transaction of the commit, into
	// a place that belongs to the test.
	Recorder func(t testing.TB, a store.Adapter) Recorder

	// Begin starts a transaction of the application on the database of a.
	Begin func(t testing.TB, a store.Adapter) Transaction

	// Waiting returns how many transactions of a wait for a lock at this moment.
	Waiting func(t testing.TB, a store.Adapter) int

	// Sever cuts the connection of a transaction that a began, and returns when the server has
	// noticed.
	Sever func(t testing.TB, a store.Adapter, tx store.OwnTx)

	// Checkpoint remembers what is in the database of a, and returns what makes it go back to that, as
	// a failover to a standby that lags behind does. That may be called more than once.
	Checkpoint func(t testing.TB, a store.Adapter) (goBack func())
}

// Recorder is a projection whose effect can be seen.
type Recorder struct {
	// Projection writes the event's timestamp into a row.
	Projection store.Projection

	// Rows returns what is in the rows that are committed, in any order.
	Rows func(ctx context.Context) ([]hlc.Timestamp, error)
}

// Transaction is a transaction of the application, and the adapter in it.
type Transaction struct {
	// Adapter is what the library would be given.
	Adapter store.Tx

	// Commit ends the transaction and keeps what was done in it.
	Commit func(ctx context.Context) error

	// Rollback ends the transaction and forgets what was done in it. After the end it does nothing but
	// return an error, if it likes.
	Rollback func(ctx context.Context) error
}

func (h *Harness) lacks(f Feature) bool { return slices.Contains(h.Lacks, f) }

// check compares what is offered with what is said to lack.
func (h *Harness) check(t testing.TB) error {
	t.Helper()
	if h.New == nil {
		return fmt.Errorf("storetest: Harness.New is nil")
	}
	a := h.New(t)
	_, commands := a.(store.CommandLog)
	_, redaction := a.(store.Redactor)
	_, transactions := a.(store.Transactor)
	_, flush := a.(store.Flusher)
	if err := h.checkKind(a); err != nil {
		return err
	}
	lacked := map[Feature]bool{}
	for _, f := range h.Lacks {
		lacked[f] = true
	}
	for f, offered := range map[Feature]bool{
		FeatureProcesses:    h.Other != nil,
		FeatureProjections:  h.Projection != nil && h.Recorder != nil,
		FeatureTransactions: h.Begin != nil,
		FeatureLine:         h.Waiting != nil,
		FeatureConnections:  h.Sever != nil,
		FeatureCheckpoint:   h.Checkpoint != nil,
		FeatureCommands:     commands,
		FeatureRedaction:    redaction,
	} {
		switch {
		case offered && lacked[f]:
			return fmt.Errorf("storetest: Harness.Lacks lists %q, which is offered", f)
		case !offered && !lacked[f]:
			return fmt.Errorf("storetest: %q is neither offered nor listed in Harness.Lacks", f)
		}
		delete(lacked, f)
	}
	for f, offered := range map[Feature]bool{ // which may be listed even so
		FeatureMetadata:         true,
		FeatureGlobalTimestamps: true,
		FeatureOwnTransactions:  transactions,
		FeatureFlush:            flush,
	} {
		if !offered && !lacked[f] {
			return fmt.Errorf("storetest: %q is neither offered nor listed in Harness.Lacks", f)
		}
		delete(lacked, f)
	}
	for f := range lacked {
		return fmt.Errorf("storetest: Harness.Lacks lists %q, which is no feature", f)
	}
	return nil
}

// checkKind compares the kind that the adapter says it runs with that of the projections for the
// test.
func (h *Harness) checkKind(a store.Adapter) error {
	p, ok := a.(store.Projector)
	if !ok || h.Projection == nil {
		return nil
	}
	made := h.Projection(func(context.Context, types.Event) error { return nil })
	if made.StoreKind() != p.StoreKind() {
		return fmt.Errorf("storetest: Harness.Projection makes them for %q, the adapter runs those for %q", made.StoreKind(), p.StoreKind())
	}
	return nil
}
