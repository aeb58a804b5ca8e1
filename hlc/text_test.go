package hlc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/eventmaestro/maestro/hlc"
)

func TestYearsPast9999AreWrittenBehindAY(t *testing.T) {
	t.Parallel()
	for text, ts := range map[string]hlc.Timestamp{
		"1970-01-01T00:00:00.000Z-0000-0000000000000000":   {},
		"9999-12-31T23:59:59.999Z-FFFF-FFFFFFFFFFFFFFFF":   stamp(253402300799999, 0xFFFF, 1<<64-1),
		"Y10000-01-01T00:00:00.000Z-0000-0000000000000000": stamp(253402300800000, 0, 0),
		"Y10889-08-02T05:31:50.655Z-FFFF-FFFFFFFFFFFFFFFF": last48,
	} {
		require.Equal(t, text, ts.String())
		got, err := hlc.Parse(text)
		require.NoError(t, err)
		require.Equal(t, ts, got)
	}
}

func TestParseSaysWhatIsWrongAndWhere(t *testing.T) {
	t.Parallel()
	const valid = "2026-11-21T19:43:29.036Z-0001-000000000547B5A1"
	_, err := hlc.Parse(valid)
	require.NoError(t, err)

	const digit, hex = "want a decimal digit", "want an upper-case hexadecimal digit"
	for input, want := range map[string]struct {
		offset int
		reason string
	}{
		"":                                   {0, "it ends too early"},
		"garbage":                            {0, digit},
		valid[:45]:                           {45, "it ends too early"},
		valid[:24]:                           {24, "it ends too early"},
		valid + " ":                          {46, "it goes on after the node"},
		valid + "0":                          {46, "it goes on after the node"},
		" " + valid:                          {0, digit},
		"+" + valid:                          {0, digit},
		"-" + valid:                          {0, digit},
		strings.ToLower(valid):               {10, "want 'T'"},
		"2026-11-21 19:43:29.036Z" + tail:    {10, "want 'T'"},
		"2026-11-21T19:43:29.036z" + tail:    {23, "want 'Z'"},
		"2026-11-21T19:43:29.036+00:00-0001": {23, "want 'Z'"},
		"2026-11-21T19:43:29Z" + tail:        {19, "want '.'"},
		"2026-11-21T19:43:29.03Z" + tail:     {22, digit},
		"2026-11-21T19:43:29.0361Z" + tail:   {23, "want 'Z'"},
		"２026-11-21T19:43:29.036Z" + tail:    {0, digit},
		"2026-00-21T19:43:29.036Z" + tail:    {5, "there is no such month"},
		"2026-13-21T19:43:29.036Z" + tail:    {5, "there is no such month"},
		"2026-11-00T19:43:29.036Z" + tail:    {8, "the month has no such day"},
		"2026-11-31T19:43:29.036Z" + tail:    {8, "the month has no such day"},
		"2026-02-29T19:43:29.036Z" + tail:    {8, "the month has no such day"},
		"2100-02-29T19:43:29.036Z" + tail:    {8, "the month has no such day"},
		"2026-11-21T24:00:00.000Z" + tail:    {11, "the day has no such hour"},
		"2026-11-21T19:60:29.036Z" + tail:    {14, "the hour has no such minute"},
		"2026-12-31T23:59:60.000Z" + tail:    {17, "the minute has no such second"},
		"1969-12-31T23:59:59.999Z" + tail:    {0, "the year is before 1970"},
		"0000-01-01T00:00:00.000Z" + tail:    {0, "the year is before 1970"},
		"10000-01-01T00:00:00.000Z" + tail:   {4, "want '-'"},
		"+10000-01-01T00:00:00.000Z" + tail:  {0, digit},
		"Y09999-01-01T00:00:00.000Z" + tail:  {0, "a year of four digits is written without a Y"},
		"Y2026-11-21T19:43:29.036Z" + tail:   {5, digit},
		"y10000-01-01T00:00:00.000Z" + tail:  {0, digit},
		"Y10889-08-02T05:31:50.656Z" + tail:  {1, "the time is past the 48 bits of a timestamp"},
		"Y99999-01-01T00:00:00.000Z" + tail:  {1, "the time is past the 48 bits of a timestamp"},
		"Y10000-13-01T00:00:00.000Z" + tail:  {7, "there is no such month"},
		"Y10000-01-01T00:00:00.000Z-00g1":    {29, hex},
		valid[:25] + "00G1-000000000547B5A1": {27, hex},
		valid[:25] + "00a1-000000000547B5A1": {27, hex},
		valid[:25] + "1-000000000547B5A1":    {26, hex},
		valid[:25] + "0001-000000000547b5a1": {42, hex},
		valid[:25] + "0001-547B5A1":          {37, "it ends too early"},
		valid[:25] + "-001-000000000547B5A1": {25, hex},
	} {
		ts, err := hlc.Parse(input)
		require.Zero(t, ts, input)
		require.ErrorIs(t, err, hlc.ErrFormat, input)
		require.NotErrorIs(t, err, hlc.ErrRange)
		var parse *hlc.ParseError
		require.ErrorAs(t, err, &parse, input)
		require.Equal(t, hlc.ParseError{Input: input, Offset: want.offset, Reason: want.reason}, *parse)
	}
}

// tail completes a time to a text whose other fields are right.
const tail = "-0001-000000000547B5A1"

func TestParseErrorsAreReadableAndShort(t *testing.T) {
	t.Parallel()
	_, err := hlc.Parse("2026-11-21T19:43:29.036Z-0001-000000000547b5a1")
	require.EqualError(t, err, `hlc: invalid timestamp: "2026-11-21T19:43:29.036Z-0001-000000000547b5a1"`+
		" at byte 42: want an upper-case hexadecimal digit")

	_, err = hlc.Parse(strings.Repeat("x", 1<<20))
	require.ErrorIs(t, err, hlc.ErrFormat)
	require.Less(t, len(err.Error()), 200)
	require.Contains(t, err.Error(), "x\"… at byte 0")
}

func TestLeapDaysParse(t *testing.T) {
	t.Parallel()
	for _, day := range []string{"2000-02-29", "2024-02-29", "2400-02-29", "Y10000-02-29"} {
		text := day + "T23:59:59.999Z" + tail
		ts, err := hlc.Parse(text)
		require.NoError(t, err)
		require.Equal(t, text, ts.String())
	}
}

func TestOneChangedByteIsRefusedOrIsAnotherTimestamp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ts := timestamps().Draw(t, "ts")
		text := []byte(ts.String())
		i := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		old := text[i]
		text[i] = rapid.Byte().Draw(t, "byte")

		got, err := hlc.Parse(string(text))
		if err != nil {
			require.ErrorIs(t, err, hlc.ErrFormat)
			require.NotEqual(t, old, text[i])
			return
		}
		require.Equal(t, string(text), got.String())
		require.Equal(t, old == text[i], got == ts)
	})
}
