package jsonschema_test

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/jsonschema"
)

type (
	node struct {
		Name  string  `json:"name"`
		Below []*node `json:"below,omitempty"`
	}
	base struct {
		ID   int8   `json:"id"`
		Name string `json:"name"`
	}
	hidden   struct{ Shown bool }
	Twin     struct{ Same string }
	Sister   struct{ Same string }
	embedded struct {
		base
		*hidden
		Twin
		Sister
		Name  int `json:"name"`
		Skip  int `json:"-"`
		inner int
		Big   int64 `json:",string"`
	}
)

func TestTheSchemaOfAType(t *testing.T) {
	t.Parallel()
	_ = embedded{}.inner
	for want, v := range map[string]any{
		`{"type":"boolean"}`:                                    true,
		`{"type":"integer","minimum":-128,"maximum":127}`:       int8(1),
		`{"type":"integer"}`:                                    1,
		`{"type":"integer","minimum":0,"maximum":65535}`:        uint16(1),
		`{"type":"integer","minimum":0}`:                        uint(1),
		`{"type":"number"}`:                                     1.5,
		`{"type":"string","format":"date-time"}`:                time.Time{},
		`{"type":["string","null"],"contentEncoding":"base64"}`: []byte{},
		`{}`: json.RawMessage{},
		`{"type":["array","null"],"items":{"type":"string"}}`:                                                          []hlc.Timestamp{},
		`{"type":["array","null"],"items":{}}`:                                                                         []any{},
		`{"type":"array","items":{"type":"number"},"minItems":2,"maxItems":2}`:                                         [2]float32{},
		`{"type":["object","null"],"additionalProperties":{"type":["integer","null"]}}`:                                map[string]*int{},
		`{"type":["object","null"],"propertyNames":{"pattern":"^-?[0-9]+$"},"additionalProperties":{"type":"string"}}`: map[int]string{},
		`{"type":"object","properties":{"A":{"type":"string"},"N":{"type":"number"}}}`: struct {
			A netip.Addr
			N big.Int
		}{},
		`{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"name":{"type":"string"},"below":{"type":["array","null"],` +
			`"items":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}}}}}}`: node{},
		`{"type":"object","properties":{"id":{"type":"integer","minimum":-128,"maximum":127},"Shown":{"type":"boolean"},"name":{"type":"integer"},"Big":{"type":"string"}}}`: embedded{},
	} {
		require.JSONEq(t, want, string(jsonschema.Of(reflect.TypeOf(v), false)), "%T", v)
	}
	require.Equal(t, `{"type":"object","properties":{"Shown":{"type":"boolean"}},"additionalProperties":false}`,
		string(jsonschema.Of(reflect.TypeFor[hidden](), true)))
}

func TestTheFieldsAreThoseThatAreWritten(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(embedded{hidden: &hidden{}})
	require.NoError(t, err)
	var written map[string]any
	require.NoError(t, json.Unmarshal(text, &written))
	var schema struct{ Properties map[string]any }
	require.NoError(t, json.Unmarshal(jsonschema.Of(reflect.TypeFor[embedded](), false), &schema))
	for name := range written {
		require.Contains(t, schema.Properties, name)
	}
	require.Len(t, schema.Properties, len(written))
}
