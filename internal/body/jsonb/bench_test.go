package jsonb_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/internal/body/jsonb"
)

// BenchmarkCanonical puts AppendCanonical beside json.Compact, which also copies, and json.Valid,
// which only reads, on the same texts.
func BenchmarkCanonical(b *testing.B) {
	order := func(i int) string {
		return fmt.Sprintf(`{"sku":"A-%d","price":12.50,"title":"Caf\u00e9 \u003cnoir\u003e, whole beans","quantity":%d}`, i, i)
	}
	disorder := func(i int) string {
		return fmt.Sprintf(`{"title":"Caf\u00e9 \u003cnoir\u003e, whole beans","quantity":%d,"price":12.50,"sku":"A-%d"}`, i, i)
	}
	array := func(n int, element func(int) string) string {
		elements := make([]string, n)
		for i := range elements {
			elements[i] = element(i)
		}
		return "[" + strings.Join(elements, ",") + "]"
	}
	for _, c := range []struct{ name, src string }{
		{"tiny", `{"by":1}`},
		{"flat", `{"by":"alice","note":null,"amount":12,"currency":"EUR"}`},
		{"flat disorder", `{"currency":"EUR","amount":12,"note":null,"by":"alice"}`},
		{"10 kB", array(100, order)},
		{"10 kB disorder", array(100, disorder)},
		{"deep disorder", nested(`{"b":`, array(1000, order), `,"a":1}`, jsonb.MaxDepth-2)},
		{"long text", `"` + strings.Repeat("The quick brown fox. ", 500) + `"`},
		{"long non-ASCII text", `"` + strings.Repeat("Быстрая лиса. 速い狐。", 300) + `"`},
	} {
		src := []byte(c.src)
		run := func(name string, f func() error) {
			b.Run(strings.ReplaceAll(c.name, " ", "_")+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(src)))
				for b.Loop() {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		dst, err := jsonb.Canonical(src)
		require.NoError(b, err)
		run("canonical", func() (err error) {
			dst, err = jsonb.AppendCanonical(dst[:0], src)
			return err
		})
		var compacted bytes.Buffer
		run("compact", func() error {
			compacted.Reset()
			return json.Compact(&compacted, src)
		})
		run("valid", func() error {
			if !json.Valid(src) {
				return jsonb.ErrInvalid
			}
			return nil
		})
	}
}
