package hlc_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
)

// TestTheTextsOfErrors pins what people read, one line an error.
func TestTheTextsOfErrors(t *testing.T) {
	t.Parallel()
	var ts hlc.Timestamp
	_, early := hlc.New(-1, 0, 0)
	_, short := hlc.FromBytes(make([]byte, 1))
	_, parse := hlc.Parse("yesterday")
	_, long := hlc.Parse(strings.Repeat("9", 65))
	physical := time.Date(2026, 11, 21, 19, 43, 29, 0, time.UTC)
	for _, test := range []struct {
		err  error
		text string
	}{
		{hlc.ErrFormat, "hlc: invalid timestamp"},
		{hlc.ErrRange, "hlc: time out of range"},
		{hlc.ErrDrift, "hlc: too far ahead of the physical clock"},
		{hlc.ErrDuplicateNode, "hlc: duplicate node id"},
		{early, "hlc: time out of range: -1 ms is not in 0 to 281474976710655"},
		{short, "hlc: invalid timestamp: its length is 1 instead of 16 bytes"},
		{parse, `hlc: invalid timestamp: "yesterday" at byte 0: want a decimal digit`},
		{long, `hlc: invalid timestamp: "` + strings.Repeat("9", 64) + `"… at byte 4: want '-'`},
		{ts.Scan(7), "hlc: invalid timestamp: the column gives int: want 16 bytes or text"},
		{ts.Scan(nil), "hlc: invalid timestamp: NULL: scan into a pointer or a sql.Null"},
		{
			&hlc.DriftError{Time: physical.Add(6 * time.Minute), Physical: physical, MaxDrift: 5 * time.Minute},
			"hlc: too far ahead of the physical clock: 2026-11-21T19:49:29Z, by 6m0s where 5m0s is allowed: " +
				"set the clock of this machine right, or the sender's, or raise Options.MaxDrift",
		},
		{
			&hlc.DuplicateNodeError{Timestamp: stamp(noon, 1, 7)},
			"hlc: duplicate node id: 2026-11-21T19:43:29.036Z-0001-0000000000000007 comes from another clock: call Renew",
		},
	} {
		require.EqualError(t, test.err, test.text)
	}
}
