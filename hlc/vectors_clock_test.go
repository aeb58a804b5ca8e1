package hlc_test

import (
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
)

// result is what a vector says of a call: the timestamp in hexadecimal, or the
// original's name for the error.
func result(t *testing.T, ts hlc.Timestamp, err error) string {
	t.Helper()
	if err == nil {
		return hex.EncodeToString(ts[:])
	}
	require.Zero(t, ts)
	for name, sentinel := range map[string]error{
		"remote_drift_violation": hlc.ErrDrift,
		"duplicate_node_id":      hlc.ErrDuplicateNode,
		"end_of_range":           hlc.ErrRange,
	} {
		if errors.Is(err, sentinel) {
			return name
		}
	}
	require.NoError(t, err)
	return ""
}

// A send of the original has no bound on the clock's own lead, so its rows run without
// one. With the bound that a clock has by default, those too far ahead are an error.
func checkSend(t *testing.T, r row, want string) {
	t.Helper()
	last, ms := fromHex(t, r.fields[0]), number(t, r.fields[1])
	c := hlc.NewClockAt(last, hlc.Options{MaxDrift: -1, Now: at(ms).now})
	ts, err := c.Now()
	require.Equal(t, want, result(t, ts, err), "line %d", r.line)
	requireMoved(t, c, last, ts, err)

	bounded := hlc.NewClockAt(last, hlc.Options{Now: at(ms).now})
	tsBounded, errBounded := bounded.Now()
	if beyond := tooFarAhead[r.text()]; beyond {
		require.ErrorIs(t, errBounded, hlc.ErrDrift, "line %d", r.line)
	} else {
		require.Equal(t, err, errBounded, "line %d", r.line)
		require.Equal(t, ts, tsBounded, "line %d", r.line)
	}
	requireMoved(t, bounded, last, tsBounded, errBounded)
}

// tooFarAhead has the sends whose clock leads by more than the default bound.
var tooFarAhead = map[string]bool{
	"send,01a1ffa29b0c00000000000000000007,1795286609036,01a1ffa29b0c00010000000000000007": true,
	"send,01a1ffd9898c00030000000000000007,1795290209036,01a1ffd9898c00040000000000000007": true,
	"send,ffffffffffff00000000000000000007,1795290209036,ffffffffffff00010000000000000007": true,
}

func checkRecv(t *testing.T, r row, want string) {
	t.Helper()
	last, remote := fromHex(t, r.fields[0]), fromHex(t, r.fields[1])
	c := hlc.NewClockAt(last, hlc.Options{
		MaxDrift: time.Duration(number(t, r.fields[3])) * time.Millisecond,
		Now:      at(number(t, r.fields[2])).now,
	})
	ts, err := c.Recv(remote)
	require.Equal(t, want, result(t, ts, err), "line %d", r.line)
	requireMoved(t, c, last, ts, err)
	if err == nil {
		require.True(t, ts.After(last) && ts.Compare(remote) > 0 && ts.Node() == last.Node())
	}
}

// requireMoved checks that the clock is where its answer is, and stayed where it was
// if that was an error.
func requireMoved(t *testing.T, c *hlc.Clock, last, ts hlc.Timestamp, err error) {
	t.Helper()
	if err != nil {
		require.Equal(t, last, c.Last())
		return
	}
	require.Equal(t, ts, c.Last())
}

// The seq rows are also the life of one clock, each beginning where the one before
// ended.
func TestTheSequenceOfTheVectorsRunsOnOneClock(t *testing.T) {
	t.Parallel()
	var wall physical
	c := hlc.NewClockAt(hlc.Timestamp{}, hlc.Options{MaxDrift: 5 * time.Millisecond, Now: wall.now})
	steps := 0
	for _, r := range readVectors(t) {
		var ts hlc.Timestamp
		var err error
		switch r.kind {
		case "seqsend":
			require.Equal(t, fromHex(t, r.fields[0]), c.Last(), "line %d", r.line)
			wall.ms.Store(number(t, r.fields[1]))
			ts, err = c.Now()
		case "seqrecv":
			require.Equal(t, fromHex(t, r.fields[0]), c.Last(), "line %d", r.line)
			wall.ms.Store(number(t, r.fields[2]))
			ts, err = c.Recv(fromHex(t, r.fields[1]))
		default:
			continue
		}
		steps++
		require.Equal(t, r.fields[len(r.fields)-1], result(t, ts, err), "line %d", r.line)
	}
	require.Equal(t, 69, steps)
}
