package aggregate

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/eventmaestro/maestro/types"
)

// Upcasts says by type string how stored events of older types are read. Steps form
// chains: what one returns may have an upcast of its own. The log is never rewritten.
type Upcasts map[string]Upcast

// Upcast turns a stored event of one type into any number of events of other types.
type Upcast struct {
	// To lists the types that Func can return; NewRoot follows them to find cycles and dead ends.
	// It must not be empty; use Drop for an Upcast that ignores events.
	To []string

	// Func returns the events that are applied instead, in order. Nil means one event of type To[0]
	// with the same body. It must depend on nothing but its argument, and not modify its body.
	Func func(event types.Event) ([]Upcasted, error)

	drop      bool // made by Drop
	lacksFunc bool // made by Rewrite, of nil; NewRoot refuses it
}

// Upcasted is an event as an Upcast returns it. Sequence, timestamp and id stay
// those of the stored event.
type Upcasted struct {
	Type string
	Body json.RawMessage
}

// Rename returns an Upcast that only gives the event another type.
func Rename(to string) Upcast { return Upcast{To: []string{to}} }

// Rewrite returns an Upcast that gives the event another type and body. f must not be nil.
func Rewrite(to string, f func(body json.RawMessage) (json.RawMessage, error)) Upcast {
	if f == nil {
		return Upcast{To: []string{to}, lacksFunc: true}
	}
	return Upcast{To: []string{to}, Func: func(e types.Event) ([]Upcasted, error) {
		body, err := f(e.Body)
		return []Upcasted{{Type: to, Body: body}}, err
	}}
}

// Drop returns an Upcast that ignores the event.
func Drop() Upcast { return Upcast{drop: true} }

// apply returns what the upcast makes of e.
func (u Upcast) apply(e types.Event) ([]types.Event, error) {
	if u.drop {
		return nil, nil
	}
	if u.Func == nil {
		e.Type = u.To[0]
		return []types.Event{e}, nil
	}
	made, err := u.Func(e)
	if err != nil {
		return nil, fmt.Errorf("upcast of %q: %w", e.Type, err)
	}
	events := make([]types.Event, len(made))
	for i, m := range made {
		if !slices.Contains(u.To, m.Type) {
			return nil, fmt.Errorf("upcast of %q: returned type %q, which To does not list", e.Type, m.Type)
		}
		events[i] = e
		events[i].Type, events[i].Body = m.Type, m.Body
	}
	return events, nil
}

// fault follows the upcasts from one type on and says what is wrong, or nothing.
func (u Upcasts) fault(from string, known func(eventType string) bool, path []string) string {
	if slices.Contains(path, from) {
		return fmt.Sprintf("leads back to %q: %v: end the chain at a type in Events", from, append(path, from))
	}
	path = append(slices.Clip(path), from)
	for _, to := range u[from].To {
		if _, more := u[to]; more {
			if fault := u.fault(to, known, path); fault != "" {
				return fault
			}
		} else if !known(to) {
			return fmt.Sprintf("ends at %q, for which there is no event handler: %v: add one to Events", to, append(path, to))
		}
	}
	return ""
}
