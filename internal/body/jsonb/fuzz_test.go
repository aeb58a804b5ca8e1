package jsonb_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/eventmaestro/maestro/internal/body/jsonb"
)

func TestCanonicalKeepsTheMeaning(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		for _, text := range rapid.SliceOfN(anyText(), 20, 20).Draw(r, "texts") {
			requireSound(r, text)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, c := range accepted {
		if len(c.src) < 1000 {
			f.Add([]byte(c.src))
		}
	}
	for _, c := range rejected {
		if len(c.src) < 1000 {
			f.Add([]byte(c.src))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) { requireSound(t, src) })
}

// requireSound checks what must hold for any bytes: the form is its own canonical form and means
// what src means, an error says the truth, and src is not touched.
func requireSound(t require.TestingT, src []byte) {
	before := bytes.Clone(src)
	out, err := jsonb.Canonical(src)
	require.True(t, bytes.Equal(before, src), "the source was changed")
	isJSON := json.Valid(src) && utf8.Valid(src)
	if err != nil {
		var fault *jsonb.Error
		require.ErrorAs(t, err, &fault)
		require.GreaterOrEqual(t, fault.Offset, 0)
		require.LessOrEqual(t, fault.Offset, len(src))
		require.NotEmpty(t, fault.Reason)
		if isJSON {
			require.ErrorIs(t, err, jsonb.ErrRefused, "%q", src)
		}
		return
	}
	require.True(t, isJSON, "%q is not JSON", src)

	again, err := jsonb.Canonical(out)
	require.NoError(t, err, "%q", out)
	require.True(t, bytes.Equal(out, again), "%q became %q and then %q", src, out, again)
	require.Equal(t, decode(t, src), decode(t, out), "%q became %q", src, out)
}

// decode returns what encoding/json makes of a text, with each number as its exact value.
func decode(t require.TestingT, src []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(src))
	decoder.UseNumber()
	var v any
	require.NoError(t, decoder.Decode(&v), "%q", src)
	return exact(t, v)
}

func exact(t require.TestingT, v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = exact(t, v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = exact(t, v[k])
		}
	case json.Number:
		r, ok := new(big.Rat).SetString(v.String())
		require.True(t, ok, "%s", v)
		return r.String()
	}
	return v
}
