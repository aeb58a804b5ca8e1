package storetest

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
)

// sameJSON reports whether two texts are the same JSON value: whatever the white space, the order
// of keys, and the writing of strings and numbers. Of equal keys in an object the last one counts.
func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return json.Valid(a)
	}
	va, errA := decode(a)
	vb, errB := decode(b)
	return errA == nil && errB == nil && reflect.DeepEqual(va, vb)
}

func decode(text []byte) (any, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // float64 would not tell 2^53 from 2^53+1
	err := d.Decode(&v)
	return exact(v), err
}

// exact replaces numbers by the shortest exact text of their value.
func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok {
			return r.String()
		}
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = exact(v[k])
		}
	}
	return v
}
