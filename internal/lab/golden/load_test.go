package golden_test

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// What the dump holds: 85 rows. The sequences of the six aggregates end at 5, 16, 14, 16, 30 and 1.
const (
	events    = 82
	snapshots = 3
)

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(b)
}

// restored is a database made from the dump as it is.
func restored(t testing.TB) store.Adapter {
	t.Helper()
	url := pgtest.Database(t)
	// A connection of its own, as the dump leaves the session without a search_path.
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.PgConn().Exec(t.Context(), read(t, "golden.sql")).ReadAll()
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	return pgtest.Store(t, pgtest.Open(t, url), nil)
}

// partitioned has the dump's rows, in their order, in partitioned tables.
func partitioned(t testing.TB) store.Adapter {
	t.Helper()
	pool := pgtest.Partitioned(t, 7)
	n := 0
	for line := range strings.Lines(read(t, "golden.sql")) {
		if insert, ok := strings.CutPrefix(line, "INSERT INTO public."); ok {
			_, err := pool.Exec(t.Context(), "INSERT INTO "+insert)
			require.NoError(t, err)
			n++
		}
	}
	require.Equal(t, events+snapshots, n)
	return pgtest.Store(t, pool, nil)
}

var (
	eventRow    = regexp.MustCompile(`(?m)^INSERT INTO public\.event_log VALUES \('\\x([0-9a-f]{32})', '\\x([0-9a-f]{32})', (\d+), '(\w+)', '(.*)'\);$`)
	snapshotRow = regexp.MustCompile(`(?m)^INSERT INTO public\.snapshots VALUES \('\\x([0-9a-f]{32})', (\d+), '(.*)'\);$`)
)

// parsed is a memory store with the dump's rows.
func parsed(t testing.TB) store.Adapter {
	t.Helper()
	var log []types.Event
	for _, row := range eventRow.FindAllStringSubmatch(read(t, "golden.sql"), -1) {
		log = append(log, types.Event{
			Timestamp: timestamp(t, row[1]), AggregateID: timestamp(t, row[2]), Sequence: sequence(t, row[3]),
			Type: row[4], Body: text(row[5]),
		})
	}
	require.Equal(t, events, len(log))
	slices.SortFunc(log, func(a, b types.Event) int { return cmp.Compare(a.Sequence, b.Sequence) })
	s := memory.New()
	for _, e := range log {
		require.NoError(t, s.Commit(t.Context(), store.Commit{AggregateID: e.AggregateID, Events: []types.Event{e}}))
	}
	rows := snapshotRow.FindAllStringSubmatch(read(t, "golden.sql"), -1)
	require.Equal(t, snapshots, len(rows))
	for _, row := range rows {
		require.NoError(t, s.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: timestamp(t, row[1]), Sequence: sequence(t, row[2]), Body: text(row[3])}))
	}
	return s
}

// text undoes what SQL does to a quote.
func text(s string) json.RawMessage { return json.RawMessage(strings.ReplaceAll(s, "''", "'")) }

func timestamp(t testing.TB, s string) hlc.Timestamp {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	ts, err := hlc.FromBytes(b)
	require.NoError(t, err)
	return ts
}

func sequence(t testing.TB, s string) types.Sequence {
	t.Helper()
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return types.Sequence(n)
}
