// Package body knows the stored form of an event's body: JSON as PostgreSQL's jsonb type prints it,
// which package jsonb makes of any JSON. Package flatjson is the fast way there and back for the
// structs that most bodies are.
package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync"

	"github.com/eventmaestro/maestro/internal/body/flatjson"
	"github.com/eventmaestro/maestro/internal/body/jsonb"
)

type encoder struct {
	buf bytes.Buffer
	enc *json.Encoder
}

var encoders = sync.Pool{New: func() any {
	e := new(encoder)
	e.enc = json.NewEncoder(&e.buf)
	e.enc.SetEscapeHTML(false)
	return e
}}

// maxPooledBuffer keeps one huge body from staying in memory for ever.
const maxPooledBuffer = 64 << 10

var errBytes = errors.New("it is a []byte, which JSON writes as base64: use json.RawMessage for JSON, or a struct")

// plainBody is the size up to which a plain body costs one allocation.
const plainBody = 256

// Encode returns the JSON of v in the form in which every store returns it. A json.RawMessage is
// JSON already, and nothing is {}.
func Encode(v any) (json.RawMessage, error) {
	if _, ok := v.([]byte); ok {
		return nil, errBytes
	}
	if raw, ok := v.(json.RawMessage); ok {
		return jsonb.Canonical(raw)
	}
	if v == nil {
		return json.RawMessage("{}"), nil
	}
	var scratch [plainBody]byte
	if plain, ok := flatjson.Append(scratch[:0], v); ok {
		return append(json.RawMessage(nil), plain...), nil
	}
	e := encoders.Get().(*encoder)
	e.buf.Reset()
	if err := e.enc.Encode(v); err != nil {
		return nil, err
	}
	canonical, err := jsonb.Canonical(e.buf.Bytes())
	if e.buf.Cap() <= maxPooledBuffer {
		encoders.Put(e)
	}
	return canonical, err
}

// Same compares JSON in the form that all stores give it, whatever form this one does; what is no
// JSON, byte by byte.
func Same(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := jsonb.Canonical(a)
	y, errY := jsonb.Canonical(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
