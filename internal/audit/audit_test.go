package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/audit"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

func at(t *testing.T, i int) hlc.Timestamp {
	t.Helper()
	stamp, err := hlc.New(int64(1_700_000_000_000+i), 0, 7)
	require.NoError(t, err)
	return stamp
}

func TestWhatIsOutOfOrderIsFound(t *testing.T) {
	t.Parallel()
	l := audit.Log{From: 3}
	for _, row := range []struct {
		sequence types.Sequence
		at       int
		want     []audit.Finding
	}{
		{4, 0, []audit.Finding{{audit.Gap, "sequence 3 is missing"}}},
		{5, 1, nil},
		{5, 1, []audit.Finding{{audit.Repeat, "sequence 5 is there already"}, {audit.TimeBack, "the timestamp is not after " + at(t, 1).String()}}},
		{8, 2, []audit.Finding{{audit.Gap, "sequences 6 to 7 are missing"}}},
		{7, 3, []audit.Finding{{audit.Repeat, "sequence 7 is there already"}}},
		{9, 4, nil},
	} {
		require.Equal(t, row.want, l.Row(row.sequence, at(t, row.at)), row.sequence)
	}
	require.Equal(t, 6, l.Rows)
	require.EqualValues(t, 4, l.First)
	require.EqualValues(t, 9, l.High)
	require.True(t, l.Falls)
}

func TestASnapshotHasItsPlaceInTheLog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sequence types.Sequence
		made     string
		wrong    string
	}{
		{3, "", ""},
		{3, store.Stamp(at(t, 3)), ""},
		{3, store.Stamp(at(t, 4)), "made of another log: the event at its sequence is another one"},
		{2, "", "at a sequence without an event"},
		{4, "", "newer than the log, which ends at 3"},
	} {
		l := audit.Log{From: 1, Snapshot: c.sequence}
		l.Row(1, at(t, 1))
		l.Row(3, at(t, 3))
		if err := l.JudgeSnapshot(c.made); c.wrong == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, c.wrong)
		}
	}
}
