package hlc_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
)

var seeds = []string{
	"", someText, noText, someText + "0", someText[:45],
	"9999-12-31T23:59:59.999Z-FFFF-FFFFFFFFFFFFFFFF",
	"Y10000-01-01T00:00:00.000Z-0000-0000000000000000",
	"Y10889-08-02T05:31:50.655Z-FFFF-FFFFFFFFFFFFFFFF",
	"Y10889-08-02T05:31:50.656Z-FFFF-FFFFFFFFFFFFFFFF",
	"2024-02-29T00:00:00.000Z-0001-000000000547b5a1",
	"2026-11-21T19:43:29.036Z-1-547B5A1",
	"0123456789abcdef",
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ts, err := hlc.Parse(s)
		if err == nil {
			require.Equal(t, s, ts.String(), "a timestamp has one text")
			return
		}
		require.Zero(t, ts)
		var parse *hlc.ParseError
		require.ErrorAs(t, err, &parse)
		require.ErrorIs(t, err, hlc.ErrFormat)
		require.Equal(t, s, parse.Input)
		require.True(t, 0 <= parse.Offset && parse.Offset <= len(s))
		require.NotEmpty(t, parse.Reason)
		require.Less(t, len(err.Error()), 500)
	})
}

func FuzzFromBytes(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add(some[:])
	f.Add(last48[:])
	f.Fuzz(func(t *testing.T, b []byte) {
		ts, err := hlc.FromBytes(b)
		if len(b) != hlc.Size {
			require.ErrorIs(t, err, hlc.ErrFormat)
			require.Zero(t, ts)
			return
		}
		require.NoError(t, err)
		require.True(t, bytes.Equal(b, ts[:]))
		again, err := hlc.New(ts.Milliseconds(), ts.Counter(), ts.Node())
		require.NoError(t, err)
		require.Equal(t, ts, again)
		again, err = hlc.Parse(ts.String())
		require.NoError(t, err)
		require.Equal(t, ts, again)
	})
}

func FuzzUnmarshalJSON(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(`"` + s + `"`))
	}
	f.Add([]byte(`null`))
	f.Add([]byte(`"\u0032026-11-21T19:43:29.036Z-0001-000000000547B5A1"`))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := stamp(1, 2, 3)
		ts := before
		if err := json.Unmarshal(b, &ts); err != nil {
			require.Equal(t, before, ts)
			return
		}
		if string(bytes.TrimSpace(b)) == "null" {
			require.Equal(t, before, ts)
			return
		}
		var s string
		require.NoError(t, json.Unmarshal(b, &s))
		require.Equal(t, s, ts.String())
		again, err := json.Marshal(ts)
		require.NoError(t, err)
		require.Equal(t, `"`+s+`"`, string(again))
	})
}

func FuzzScan(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Add(some[:], false)
	f.Fuzz(func(t *testing.T, b []byte, asText bool) {
		before := stamp(1, 2, 3)
		ts, column := before, any(b)
		if asText {
			column = string(b)
		}
		input := bytes.Clone(b)
		err := ts.Scan(column)
		require.Equal(t, input, b, "the driver owns the bytes")
		if err != nil {
			require.ErrorIs(t, err, hlc.ErrFormat)
			require.Equal(t, before, ts)
			return
		}
		if !asText && len(b) == hlc.Size {
			require.Equal(t, b, ts[:])
			return
		}
		require.Equal(t, string(b), ts.String())
	})
}
