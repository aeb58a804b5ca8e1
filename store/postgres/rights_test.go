package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// TestTheRightsThatTheGuideNamesAreEnough holds section 10 of docs/guide.md to its word.
func TestTheRightsThatTheGuideNamesAreEnough(t *testing.T) {
	t.Parallel()
	s, _, tx := transaction(t, pgx.TxOptions{}) // its end takes the role back too
	var schema string
	require.NoError(t, tx.QueryRow(t.Context(), "SELECT quote_ident(current_schema())").Scan(&schema))
	_, err := tx.Exec(t.Context(), `CREATE ROLE maestro_with_few_rights;
		GRANT USAGE ON SCHEMA `+schema+` TO maestro_with_few_rights;
		GRANT SELECT, INSERT ON event_log, commands TO maestro_with_few_rights;
		GRANT SELECT, INSERT, UPDATE ON snapshots TO maestro_with_few_rights;
		SET LOCAL ROLE maestro_with_few_rights`)
	require.NoError(t, err)

	inside := s.Tx(tx)
	c := commit(stamp(), 1, 2)
	c.Commands = []store.CommandRecord{{ID: "a", Last: 2}}
	require.NoError(t, inside.Commit(t.Context(), c))
	require.ErrorIs(t, inside.Commit(t.Context(), commit(c.AggregateID, 2, 1)), store.ErrConflict)
	for range 2 {
		require.NoError(t, inside.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: c.AggregateID, Sequence: 1, Body: []byte("{}")}))
	}
	require.Len(t, stored(t, inside, c.AggregateID), 2)
	for _, err := range inside.Load(t.Context(), c.AggregateID, store.Range{}) {
		require.NoError(t, err)
	}
	record, err := inside.(store.CommandLog).LookupCommand(t.Context(), c.AggregateID, "a")
	require.NoError(t, err)
	require.Equal(t, types.Sequence(2), record.Last)
}
