package hlc_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
)

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	require.NoError(t, err)
	return n
}

func checkTimestamp(t *testing.T, r row, want string) {
	t.Helper()
	counter, err := strconv.ParseUint(r.fields[1], 10, 16)
	require.NoError(t, err)
	node, err := strconv.ParseUint(r.fields[2], 10, 64)
	require.NoError(t, err)
	ts, err := hlc.New(number(t, r.fields[0]), uint16(counter), node)
	require.NoError(t, err, "line %d", r.line)

	require.Equal(t, r.fields[3], hex.EncodeToString(ts[:]), "line %d", r.line)
	require.Equal(t, want, ts.String(), "line %d", r.line)
	require.Equal(t, number(t, r.fields[0]), ts.Milliseconds())
	require.EqualValues(t, counter, ts.Counter())
	require.Equal(t, node, ts.Node())
	require.Equal(t, ts, fromHex(t, r.fields[3]))
	again, err := hlc.Parse(want)
	require.NoError(t, err, "line %d", r.line)
	require.Equal(t, ts, again)
}

func checkCompare(t *testing.T, r row, want string) {
	t.Helper()
	a, b := fromHex(t, r.fields[0]), fromHex(t, r.fields[1])
	order := map[int]string{-1: "lt", 0: "eq", 1: "gt"}
	require.Equal(t, want, order[a.Compare(b)], "line %d", r.line)
	require.Equal(t, want, order[-b.Compare(a)], "line %d", r.line)
	require.Equal(t, want, order[strings.Compare(a.String(), b.String())], "line %d", r.line)
}

// The rows that the original refuses say so in its own errors ("other:…", "raises:…").
func checkFromString(t *testing.T, r row, want string) {
	t.Helper()
	ts, err := hlc.Parse(r.fields[0])
	if want == "refused" || strings.HasPrefix(want, "other:") || strings.HasPrefix(want, "raises:") {
		var parse *hlc.ParseError
		require.ErrorAs(t, err, &parse, "line %d", r.line)
		require.ErrorIs(t, err, hlc.ErrFormat)
		require.Zero(t, ts)
		return
	}
	require.NoError(t, err, "line %d", r.line)
	require.Equal(t, want, hex.EncodeToString(ts[:]), "line %d", r.line)
	require.Equal(t, r.fields[0], ts.String(), "line %d", r.line)
}

// In Go the types of New keep most of these numbers out, so that the text form is the
// only way in that is left; it has to refuse them too.
func checkNewError(t *testing.T, r row, _ string) {
	t.Helper()
	fits := func(field int, limit uint64) bool {
		n, ok := new(big.Int).SetString(r.fields[field], 10)
		require.True(t, ok)
		return n.Sign() >= 0 && n.Cmp(new(big.Int).SetUint64(limit)) <= 0
	}
	bad := 0
	if !fits(0, hlc.MaxMilliseconds) {
		bad++
		_, err := hlc.New(number(t, r.fields[0]), 0, 0)
		require.ErrorIs(t, err, hlc.ErrRange, "line %d", r.line)
	}
	refusedByText := func(field, width int) {
		n, _ := new(big.Int).SetString(r.fields[field], 10)
		digits := []string{"0000", "0000000000000000"}
		digits[field-1] = fmt.Sprintf("%0*X", width, n)
		require.Greater(t, len(digits[field-1])+strings.Count(digits[field-1], "-"), width)
		_, err := hlc.Parse("2026-11-21T19:43:29.036Z-" + strings.Join(digits, "-"))
		require.ErrorIs(t, err, hlc.ErrFormat, "line %d", r.line)
	}
	if !fits(1, math.MaxUint16) {
		bad++
		refusedByText(1, 4)
	}
	if !fits(2, math.MaxUint64) {
		bad++
		refusedByText(2, 16)
	}
	require.Equal(t, 1, bad, "line %d has one number out of range", r.line)
}

// The original hashes the name of the node into 27 bits. Our default is 64 random bits
// whatever the host is called, but a program can give the hash as its node id, and then
// writes timestamps that look like the original's.
func checkNodeID(t *testing.T, r row, want string) {
	t.Helper()
	id, err := strconv.ParseUint(want, 10, 27)
	require.NoError(t, err, "line %d", r.line)
	require.NotZero(t, id, "zero would mean a random id")

	c := hlc.NewClock(&hlc.Options{Node: id, Now: at(noon).now})
	require.Equal(t, id, c.Node())
	ts, err := c.Now()
	require.NoError(t, err)
	require.Equal(t, stamp(noon, 0, id), ts)
	require.Equal(t, fmt.Sprintf("2026-11-21T19:43:29.036Z-0000-%016X", id), ts.String())

	_, err = c.Recv(stamp(noon, 5, id))
	require.ErrorIs(t, err, hlc.ErrDuplicateNode)
	require.NotEqual(t, id, hlc.NewClock(nil).Node(), "line %d: the default does not depend on the name", r.line)
}
