package hlc_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/eventmaestro/maestro/hlc"
)

func TestNewPutsTheFieldsWhereTheAccessorsFindThem(t *testing.T) {
	t.Parallel()
	ts, err := hlc.New(noon, 0xABCD, 0x0102030405060708)
	require.NoError(t, err)
	require.Equal(t, hlc.Timestamp{
		0x01, 0xA1, 0xFF, 0xA2, 0x9B, 0x0C, 0xAB, 0xCD,
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
	}, ts)
	require.EqualValues(t, noon, ts.Milliseconds())
	require.Equal(t, time.Date(2026, 11, 21, 19, 43, 29, 36e6, time.UTC), ts.Time())
	require.Equal(t, time.UTC, ts.Time().Location())
	require.EqualValues(t, 0xABCD, ts.Counter())
	require.EqualValues(t, 0x0102030405060708, ts.Node())
}

func TestNewRefusesMillisecondsThatDoNotFit48Bits(t *testing.T) {
	t.Parallel()
	for _, ms := range []int64{-1, math.MinInt64, hlc.MaxMilliseconds + 1, math.MaxInt64} {
		ts, err := hlc.New(ms, 1, 1)
		require.ErrorIs(t, err, hlc.ErrRange, "%d", ms)
		require.Zero(t, ts)
	}
	for _, ms := range []int64{0, hlc.MaxMilliseconds} {
		ts, err := hlc.New(ms, math.MaxUint16, math.MaxUint64)
		require.NoError(t, err)
		require.Equal(t, ms, ts.Milliseconds())
	}
}

func TestFromBytesTakesSixteenBytesAndCopiesThem(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		b := bytes.Repeat([]byte{7}, n)
		ts, err := hlc.FromBytes(b)
		if n != hlc.Size {
			require.ErrorIs(t, err, hlc.ErrFormat, "%d bytes", n)
			require.Zero(t, ts)
			continue
		}
		require.NoError(t, err)
		b[0] = 0
		require.EqualValues(t, 7, ts[0])
	}
}

func TestOnlyTheZeroTimestampIsNone(t *testing.T) {
	t.Parallel()
	require.True(t, hlc.Timestamp{}.IsZero())
	require.False(t, stamp(0, 0, 1).IsZero())
	require.False(t, stamp(0, 1, 0).IsZero())
	require.False(t, stamp(1, 0, 0).IsZero())
}

func TestTimestampsSortBySliceFunctions(t *testing.T) {
	t.Parallel()
	sorted := []hlc.Timestamp{{}, stamp(0, 0, 1), stamp(0, 1, 0), stamp(1, 0, 0), last48}
	got := []hlc.Timestamp{sorted[3], sorted[1], sorted[4], sorted[0], sorted[2]}
	slices.SortFunc(got, hlc.Timestamp.Compare)
	require.Equal(t, sorted, got)
}

func TestOrderOfBytesAndTextsIsTheOrderOfTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := timestamps().Draw(t, "a"), timestamps().Draw(t, "b")
		want := bytes.Compare(a[:], b[:])
		require.Equal(t, want, a.Compare(b))
		require.Equal(t, -want, b.Compare(a))
		require.Equal(t, want, strings.Compare(a.String(), b.String()), "%s %s", a, b)
		require.Equal(t, want < 0, a.Before(b))
		require.Equal(t, want > 0, a.After(b))
		require.Equal(t, want == 0, a == b)
		require.False(t, a.Before(a) || a.After(a) || a.Compare(a) != 0)
		if byTime := a.Time().Compare(b.Time()); byTime != 0 {
			require.Equal(t, want, byTime)
		} else if a.Counter() != b.Counter() {
			require.Equal(t, want < 0, a.Counter() < b.Counter())
		}
	})
}

func TestEveryFormReadsBackAsTheSameTimestamp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ts := timestamps().Draw(t, "ts")

		again, err := hlc.New(ts.Milliseconds(), ts.Counter(), ts.Node())
		require.NoError(t, err)
		require.Equal(t, ts, again)

		again, err = hlc.New(ts.Time().UnixMilli(), ts.Counter(), ts.Node())
		require.NoError(t, err)
		require.Equal(t, ts, again)

		again, err = hlc.FromBytes(ts[:])
		require.NoError(t, err)
		require.Equal(t, ts, again)

		require.Equal(t, ts, hlc.FromUUID(ts.UUID()))
		viaText, err := uuid.Parse(ts.UUID().String())
		require.NoError(t, err)
		require.Equal(t, ts, hlc.FromUUID(viaText))

		again, err = hlc.Parse(ts.String())
		require.NoError(t, err)
		require.Equal(t, ts, again)
	})
}

func TestWhatIsHotAllocatesNothing(t *testing.T) {
	ts, text, c := stamp(noon, 1, 1), stamp(noon, 1, 1).String(), hlc.NewClock(nil)
	buf := make([]byte, 0, 64)
	remote := stamp(0, 0, 1)
	for name, f := range map[string]struct {
		allocs float64
		run    func()
	}{
		"Now":          {0, func() { _, _ = c.Now() }},
		"Recv":         {0, func() { _, _ = c.Recv(remote) }},
		"Observe":      {0, func() { _ = c.Observe(remote) }},
		"NowAfter":     {0, func() { _ = c.NowAfter(remote) }},
		"Parse":        {0, func() { _, _ = hlc.Parse(text) }},
		"FromBytes":    {0, func() { _, _ = hlc.FromBytes(ts[:]) }},
		"Compare":      {0, func() { _ = ts.Compare(remote) }},
		"AppendText":   {0, func() { _, _ = ts.AppendText(buf) }},
		"AppendBinary": {0, func() { _, _ = ts.AppendBinary(buf) }},
		"String":       {1, func() { _ = ts.String() }},
		"MarshalText":  {1, func() { _, _ = ts.MarshalText() }},
		"BytesValue":   {1, func() { _, _ = ts.BytesValue() }},
	} {
		require.LessOrEqual(t, testing.AllocsPerRun(1000, f.run), f.allocs, name)
	}
}
