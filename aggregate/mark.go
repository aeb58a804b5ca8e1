package aggregate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// mark is what the library writes into the JSON object of a snapshot, beside the fields of the
// state, under the key store.MarkKey. Maestro passes it over.
type mark struct {
	store.Mark

	// Shape is that of the state: only a definition of the same shape starts from it.
	Shape string `json:"shape"`

	// State is the state where it is no JSON object, or has the mark's key itself. Then there is
	// nothing around the mark.
	State json.RawMessage `json:"state,omitempty"`

	// Beside is the latest snapshot of another shape: that of an older or newer version of the
	// program, which may still run.
	Beside *beside `json:"beside,omitempty"`
}

// beside is a snapshot of another shape than the one that it stands beside, and not newer.
type beside struct {
	Shape    string          `json:"shape"`
	At       string          `json:"at"`
	Sequence types.Sequence  `json:"sequence"`
	State    json.RawMessage `json:"state"`
}

// unmark takes a snapshot's body apart. The mark is nil in one that somebody else wrote, such as a
// process of Maestro.
func unmark(body json.RawMessage) (*mark, json.RawMessage) {
	if !bytes.Contains(body, []byte(`"`+store.MarkKey+`"`)) {
		return nil, body
	}
	raw, rest, ok := cut(body, store.MarkKey)
	if !ok {
		return nil, body
	}
	var m mark
	if err := json.Unmarshal(raw, &m); err != nil || m.Shape == "" {
		return nil, body
	}
	if m.State != nil {
		rest = m.State
	}
	return &m, rest
}

// marked puts the mark into the JSON of a state.
func (m mark) marked(state json.RawMessage) (json.RawMessage, error) {
	m.State = nil
	open := len(state) > 1 && state[0] == '{'
	if open {
		_, _, has := cut(state, store.MarkKey)
		open = !has
	}
	if !open {
		m.State = state
	}
	text, err := encode(m)
	if err != nil {
		return nil, err
	}
	whole := append(json.RawMessage(`{"`+store.MarkKey+`": `), text...)
	if !open || len(bytes.TrimSpace(state[1:len(state)-1])) == 0 {
		return append(whole, '}'), nil
	}
	return append(append(whole, ", "...), state[1:]...), nil
}

// cut takes one member out of a JSON object. It returns its value, and the object without it.
func cut(object json.RawMessage, key string) (value, rest json.RawMessage, found bool) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, false
	}
	rest = append(make(json.RawMessage, 0, len(object)), '{')
	for d.More() {
		before := d.InputOffset()
		name, err := d.Token()
		if err != nil {
			return nil, nil, false
		}
		var member json.RawMessage
		if err := d.Decode(&member); err != nil {
			return nil, nil, false
		}
		if name == key {
			value, found = member, true
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ", "...)
		}
		rest = append(rest, bytes.TrimLeft(object[before:d.InputOffset()], ", \t\r\n")...)
	}
	return value, append(rest, '}'), found
}

// joined returns what is to be stored where a new snapshot, of the state as of s, comes to the
// present one. Two of different shapes stand beside each other, the newer one around the older: the
// versions of the program that wrote them may both still run, and there is one row an aggregate.
// The older stays for as long as it saves its version more than half of a replay. Nothing is to be
// stored where the present one has it already.
func (m mark) joined(s types.Snapshot, present *types.Snapshot) (_ mark, whole types.Snapshot, news bool) {
	p, state := unmark(present.Body)
	switch {
	case p == nil || p.Generation < m.Generation || p.Shape == voidShape:
		return m, s, true
	case p.Shape == m.Shape:
		m.Beside = p.Beside.near(s.Sequence)
		return m, s, present.Sequence < s.Sequence || present.Sequence == s.Sequence && p.At != m.At
	case present.Sequence <= s.Sequence:
		m.Beside = (&beside{p.Shape, p.At, present.Sequence, state}).near(s.Sequence)
		return m, s, true
	}
	if b := p.Beside; b != nil && b.Shape == m.Shape && b.Sequence >= s.Sequence {
		return m, s, false
	}
	p.Beside = (&beside{m.Shape, m.At, s.Sequence, s.Body}).near(present.Sequence)
	return *p, types.Snapshot{AggregateID: s.AggregateID, Sequence: present.Sequence, Body: state}, p.Beside != nil
}

// near returns b if it saves more than half of a replay up to s, else nil.
func (b *beside) near(s types.Sequence) *beside {
	if b == nil || 2*b.Sequence <= s {
		return nil
	}
	return b
}

// part returns the state of a shape with its sequence and the timestamp there, or says why there is
// none.
func (m *mark) part(shape string, s types.Sequence, state json.RawMessage) (beside, error) {
	switch {
	case m.Shape == shape:
		return beside{shape, m.At, s, state}, nil
	case m.Beside != nil && m.Beside.Shape == shape:
		return *m.Beside, nil
	}
	return beside{}, &otherShapeError{m.Shape, shape}
}

// otherShapeError is why a snapshot of another version of the program is passed over.
type otherShapeError struct{ has, want string }

func (e *otherShapeError) Error() string {
	return fmt.Sprintf("is of shape %s, not %s: another version of the program wrote it", e.has, e.want)
}

// hugeNumber is how long a JSON text has to be at least to have a number past a float64: that one
// has 309 digits.
const hugeNumber = 309

// unfitForMaestro says why a process of Maestro could not read a body or a snapshot, or returns
// nothing. It takes objects only, and makes a float of each number with a fraction; what it can't
// read ends the aggregate's process, again and again.
func unfitForMaestro(body json.RawMessage) string {
	if len(body) == 0 || body[0] != '{' {
		return "is no JSON object, which Maestro can't read"
	}
	if len(body) < hugeNumber {
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return "" // the end: it is canonical JSON
		}
		n, ok := token.(json.Number)
		if !ok || !strings.ContainsAny(n.String(), ".eE") {
			continue
		}
		if _, err := strconv.ParseFloat(n.String(), 64); err != nil {
			return fmt.Sprintf("has a number with a fraction and %d digits, past what Maestro can read", len(n))
		}
	}
}

// checkShared refuses a snapshot that would end a process of Maestro.
func (k *kind[S]) checkShared(state json.RawMessage) error {
	if !k.SharedWithMaestro {
		return nil
	}
	reason := unfitForMaestro(state)
	if _, _, has := cut(state, store.MarkKey); has {
		reason = "has the key \"" + store.MarkKey + "\", where the library's mark has to be"
	}
	if reason == "" {
		return nil
	}
	return k.wrong("S", "has a snapshot that "+reason+", and SharedWithMaestro is set: let the state, or what PrepareSnapshot returns, be a struct without it")
}
