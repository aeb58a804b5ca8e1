package jsonb_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/body/jsonb"
)

func TestCanonicalPrintsWhatJsonbPrints(t *testing.T) {
	t.Parallel()
	for _, c := range accepted {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := []byte(c.src)
			out, err := jsonb.Canonical(src)
			require.NoError(t, err)
			require.True(t, c.want == string(out), "got %.200s, want %.200s", out, c.want)
			require.True(t, c.src == string(src), "the source was changed")

			again, err := jsonb.Canonical(out)
			require.NoError(t, err)
			require.True(t, bytes.Equal(out, again), "not its own canonical form")
		})
	}
}

func TestCanonicalRefusesWhatJsonbRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range rejected {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, err := jsonb.Canonical([]byte(c.src))
			require.Nil(t, out)
			requireFault(t, err, jsonb.Error{Offset: c.offset, Reason: c.reason, Kind: c.kind})
		})
	}
}

func TestCanonicalRefusesWhatIsNestedTooDeep(t *testing.T) {
	t.Parallel()
	const many = 1_000_000
	for name, c := range map[string]struct {
		src    string
		offset int
	}{
		"arrays":       {nested("[", "", "]", jsonb.MaxDepth+1), jsonb.MaxDepth},
		"objects":      {nested(`{"a":`, "{}", "}", jsonb.MaxDepth), 5 * jsonb.MaxDepth},
		"far too deep": {strings.Repeat(`[{"":`, many), 5 * jsonb.MaxDepth / 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := jsonb.Canonical([]byte(c.src))
			requireFault(t, err, jsonb.Error{Offset: c.offset, Reason: "nested deeper than 5000", Kind: jsonb.ErrRefused})
		})
	}
}

func TestCanonicalRefusesWhatIsTooLong(t *testing.T) {
	t.Parallel()
	longest := `"` + strings.Repeat("x", jsonb.MaxSize-2) + `"`
	out, err := jsonb.Canonical([]byte(longest))
	require.NoError(t, err)
	require.True(t, longest == string(out), "the longest text was changed")

	_, err = jsonb.Canonical([]byte(longest + " "))
	requireFault(t, err, jsonb.Error{Reason: "longer than 33554432 bytes", Kind: jsonb.ErrRefused})
}

func TestCanonicalRefusesAFewBytesThatBecomeTooMany(t *testing.T) {
	t.Parallel()
	fits := "[" + strings.Repeat("1e131071,", 254) + "1e131071]"
	out, err := jsonb.Canonical([]byte(fits))
	require.NoError(t, err)
	require.Len(t, out, 255*131072+254*len(", ")+len("[]"))

	for name, src := range map[string]string{
		"by numbers":    "[" + strings.Repeat("1e131071,", 1_000_000) + "0]",
		"by separators": "[" + strings.Repeat("1,", jsonb.MaxSize/3) + "1]",
	} {
		_, err = jsonb.Canonical([]byte(src))
		requireFault(t, err, jsonb.Error{Reason: "canonical form longer than 33554432 bytes", Kind: jsonb.ErrRefused}, name)
	}
}

// Versions before 16 refuse this one exponent and later ones take it, so no server is asked.
func TestCanonicalRefusesTheExponentThatVersionsDisagreeOn(t *testing.T) {
	t.Parallel()
	_, err := jsonb.Canonical([]byte("0e1073741823"))
	requireFault(t, err, jsonb.Error{Reason: beyond, Kind: jsonb.ErrRefused})
}

func TestAppendCanonicalKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, room := range []int{0, 1, 10, 1000} {
		dst := append(make([]byte, 0, 6+room), "before"...)
		out, err := jsonb.AppendCanonical(dst, []byte(`{"b":{"d":1,"c":2},"a":3}`))
		require.NoError(t, err)
		require.Equal(t, `before{"a": 3, "b": {"c": 2, "d": 1}}`, string(out))
		require.Equal(t, "before", string(dst))

		out, err = jsonb.AppendCanonical(dst, []byte(`{"b":{"d":1,"c":2},"a":}`))
		require.ErrorIs(t, err, jsonb.ErrInvalid)
		require.Equal(t, "before", string(out))
	}
}

func TestCanonicalResultsShareNoMemory(t *testing.T) {
	t.Parallel()
	src := []byte(`{"b":1,"a":2}`)
	first, err := jsonb.Canonical(src)
	require.NoError(t, err)
	second, err := jsonb.Canonical([]byte(`{"d":3,"c":4}`))
	require.NoError(t, err)
	for i := range src {
		src[i] = '!'
	}
	require.Equal(t, `{"a": 2, "b": 1}`, string(first))
	require.Equal(t, `{"c": 4, "d": 3}`, string(second))
}

func TestAppendCanonicalAllocatesNothingWhereThereIsRoom(t *testing.T) {
	for _, src := range []string{
		`{"by":1}`,
		`{"at":[1,2.50,1e3],"by":{"id":"\u003c1\u003e","name":"Zoë"},"note":null}`,
		`{"note":null,"by":{"name":"Zoë","id":"1"},"at":[1,2.50,1e3],"by":2}`,
	} {
		dst, text := make([]byte, 0, 1024), []byte(src)
		// The least of many runs: what is pooled may be gone at any time, and under the race detector
		// often is.
		least := math.Inf(1)
		for range 100 {
			least = min(least, testing.AllocsPerRun(1, func() {
				if _, err := jsonb.AppendCanonical(dst, text); err != nil {
					t.Fatal(err)
				}
			}))
		}
		require.Zero(t, least, src)
	}
}

func requireFault(t *testing.T, err error, want jsonb.Error, msgAndArgs ...any) {
	t.Helper()
	var fault *jsonb.Error
	require.ErrorAs(t, err, &fault, msgAndArgs...)
	require.Equal(t, want, *fault, msgAndArgs...)
	require.ErrorIs(t, err, want.Kind, msgAndArgs...)
	other := jsonb.ErrInvalid
	if errors.Is(want.Kind, jsonb.ErrInvalid) {
		other = jsonb.ErrRefused
	}
	require.NotErrorIs(t, err, other, msgAndArgs...)
}
