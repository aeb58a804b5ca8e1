package memory_test

import (
	"context"
	"testing"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

// TestTheTextsOfErrors pins what people read, one line an error.
func TestTheTextsOfErrors(t *testing.T) {
	t.Parallel()
	s := memory.New()
	id := now()
	require.NoError(t, s.Commit(t.Context(), commitOf(id, 1, 1)))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, load := s.LatestSnapshot(ended, id, store.Range{})
	tx := begin(t, s)
	_, prune := tx.(store.CommandLog).PruneCommands(t.Context(), id.Time())
	for _, test := range []struct {
		err  error
		text string
	}{
		{memory.ErrExists, "memory: row exists"},
		{memory.ErrTxDone, "memory: transaction has ended"},
		{s.Commit(ended, commitOf(id, 2, 1)), "memory: commit: context canceled"},
		{load, "memory: snapshot: context canceled"},
		{s.Commit(t.Context(), commitOf(id, 1, 1)), "store: sequence conflict"},
		{s.Commit(t.Context(), commitOf(id, 3, 1)), "store: predecessor is not in the log: aggregate " + id.String() + " has no event at sequence 2"},
		{s.Redact(t.Context(), store.Redaction{AggregateID: id, Events: []types.Event{{Sequence: 7, Body: []byte("{}")}}}), "store: no such event: aggregate " + id.String() + ", sequence 7"},
		{prune, "store: not supported: a transaction in memory prunes no command ids: call PruneCommands of the store"},
		{tx.End(ended), "memory: commit transaction: context canceled"},
		{tx.End(t.Context()), "memory: transaction has ended"},
	} {
		require.EqualError(t, test.err, test.text)
	}
}
