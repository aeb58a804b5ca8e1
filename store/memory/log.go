package memory

import (
	"encoding/json"
	"slices"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/jsonb"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// log is a list of events of one aggregate. Its rows have no pointers and all bodies are one text, so the
// garbage collector has nothing to look for in a million of them.
//
// It is only appended to, and replaced where a stored event changes, so whoever has a copy
// of the struct may go on reading after the lock is released. The zero value is empty.
type log struct {
	rows  []row
	text  []byte            // the bodies, canonical JSON, in the order of the rows
	types []string          // by row.kind
	kinds map[string]uint32 // the index of types; nil while there are few. Not for readers without the lock
	metas []*types.Metadata // by index; nil or missing: none
}

// row is an event without what its place says: aggregate and sequence.
type row struct {
	at   hlc.Timestamp
	body int    // where in the text it begins; it ends where the next one begins
	kind uint32 // which of the types
}

// fewTypes is how many type strings are found as quickly without a map.
const fewTypes = 16

// end is the sequence of the last event, if the first has 1.
func (l *log) end() types.Sequence { return types.Sequence(len(l.rows)) }

// add appends an event, whose body it brings into canonical form. After an error the log is what
// it was.
func (l *log) add(e *types.Event) error {
	text, err := jsonb.AppendCanonical(l.text, e.Body)
	if err != nil {
		return invalidBody(e.AggregateID, e.Sequence, err)
	}
	l.rows = append(l.rows, row{at: e.Timestamp, body: len(l.text), kind: l.kind(e.Type)})
	l.text = text
	if !e.Metadata.IsZero() {
		meta := e.Metadata
		l.describe(len(l.rows)-1, &meta)
	}
	return nil
}

// append adds the events of another log.
func (l *log) append(other *log) {
	n, shift := len(l.rows), len(l.text)
	l.rows = append(room(l.rows, len(other.rows)), other.rows...)
	for i := n; i < len(l.rows); i++ {
		r := &l.rows[i]
		r.body += shift
		r.kind = l.kind(other.types[r.kind])
	}
	l.text = append(room(l.text, len(other.text)), other.text...)
	for i, meta := range other.metas {
		if meta != nil {
			l.describe(n+i, meta)
		}
	}
}

// room grows a slice to twice its size, if it has to grow: append's own growth by a quarter copies each
// element four times.
func room[E any](s []E, n int) []E {
	if cap(s)-len(s) < n {
		return slices.Grow(s, max(n, len(s)))
	}
	return s
}

// first returns the first n events. What is appended to it is not seen in l.
func (l *log) first(n types.Sequence) log {
	if n >= l.end() {
		c := *l
		c.kinds = nil
		c.rows, c.text, c.metas = slices.Clip(c.rows), slices.Clip(c.text), slices.Clip(c.metas)
		c.types = slices.Clip(c.types)
		return c
	}
	c := log{rows: l.rows[:n:n], types: slices.Clip(l.types)}
	c.text = l.text[:l.rows[n].body:l.rows[n].body]
	m := min(int(n), len(l.metas))
	c.metas = l.metas[:m:m]
	return c
}

// redacted returns a copy in which the event with index i has another body.
func (l *log) redacted(i int, body []byte) log {
	c := *l
	old := l.body(i)
	start := l.rows[i].body
	c.rows, c.text = slices.Clone(l.rows), slices.Concat(l.text[:start], body, l.text[start+len(old):])
	for j := i + 1; j < len(c.rows); j++ {
		c.rows[j].body += len(body) - len(old)
	}
	return c
}

// reset empties the log and keeps its memory.
func (l *log) reset() {
	clear(l.types)
	clear(l.metas)
	*l = log{rows: l.rows[:0], text: l.text[:0], types: l.types[:0], metas: l.metas[:0]}
}

func (l *log) body(i int) []byte {
	end := len(l.text)
	if i+1 < len(l.rows) {
		end = l.rows[i+1].body
	}
	return l.text[l.rows[i].body:end]
}

// event returns the event with index i, which shares nothing with the log that could be modified.
func (l *log) event(id hlc.Timestamp, i int) types.Event {
	r := &l.rows[i]
	e := types.Event{
		Timestamp: r.at, AggregateID: id, Sequence: types.Sequence(i) + 1,
		Type: l.types[r.kind], Body: append(json.RawMessage(nil), l.body(i)...),
	}
	if i < len(l.metas) && l.metas[i] != nil {
		e.Metadata = *l.metas[i]
	}
	return e
}

func (l *log) describe(i int, meta *types.Metadata) {
	for len(l.metas) < i {
		l.metas = append(l.metas, nil)
	}
	l.metas = append(l.metas, meta)
}

// kind returns the index of a type string, which is added if it is new.
func (l *log) kind(s string) uint32 {
	if len(l.types) <= fewTypes {
		for i := range l.types {
			if l.types[i] == s {
				return uint32(i)
			}
		}
	} else if i, ok := l.kinds[s]; ok {
		return i
	}
	i := uint32(len(l.types)) // they can't be so many: an event takes more bytes than there are numbers for
	l.types = append(l.types, s)
	switch {
	case len(l.types) <= fewTypes:
	case l.kinds == nil:
		l.kinds = make(map[string]uint32, 2*fewTypes)
		for i, s := range l.types {
			l.kinds[s] = uint32(i)
		}
	default:
		l.kinds[s] = i
	}
	return i
}

func invalidBody(id hlc.Timestamp, s types.Sequence, err error) error {
	return &store.InvalidEventError{AggregateID: id, Sequence: s, Field: "body", Reason: "is refused", Err: err}
}
