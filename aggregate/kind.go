package aggregate

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/eventmaestro/maestro/internal/deepcopy"
	"github.com/eventmaestro/maestro/internal/jsonform"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/internal/typestring"
)

// kind is a definition that was checked, with what can be worked out once. It knows
// neither goroutines nor stores and is safe for concurrent use.
type kind[S any] struct {
	Definition[S]
	clone func(S) (S, error) // nil: assignment copies the state
	shape string             // of the snapshots

	toldOfLoss atomic.Bool // the log has it that a snapshot would lose something of a state
}

// compile checks d and keeps what it found out.
func compile[S any](d Definition[S]) (*kind[S], error) {
	if d.Name == "" {
		d.Name = reflect.TypeFor[S]().String()
	}
	k := &kind[S]{Definition: d}
	k.Commands, k.Events = maps.Clone(d.Commands), maps.Clone(d.Events)
	k.Upcasts, k.Projections = maps.Clone(d.Upcasts), slices.Clone(d.Projections)
	for _, check := range []func() error{k.checkHandlers, k.checkUpcasts, k.checkState, k.checkInitial, k.checkRest} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	k.shape = fmt.Sprintf("version %d", k.SnapshotVersion)
	if k.SnapshotVersion == 0 {
		k.shape = jsonform.Shape(k.stateType())
	}
	return k, nil
}

// knows reports whether a stored event of a type can be read.
func (k *kind[S]) knows(eventType string) bool {
	_, old := k.Upcasts[eventType]
	return old || k.Events[eventType] != nil
}

func (k *kind[S]) stateType() reflect.Type { return reflect.TypeFor[S]() }

func (k *kind[S]) wrong(field, reason string) error {
	return &DefinitionError{Root: k.Name, Field: field, Reason: reason}
}

func (k *kind[S]) checkHandlers() error {
	if err := checkTable(k, "Commands", k.Commands, "command"); err != nil {
		return err
	}
	return checkTable(k, "Events", k.Events, "event")
}

func (k *kind[S]) checkUpcasts() error {
	known := func(eventType string) bool { return k.Events[eventType] != nil }
	for _, from := range slices.Sorted(maps.Keys(k.Upcasts)) {
		field := fmt.Sprintf("Upcasts[%q]", from)
		switch {
		case typestring.Fault(from) != "":
			return k.wrong(field, typestring.Fault(from)+": "+nameRemedy)
		case known(from):
			return k.wrong(field, "has an event handler as well, which would never run: remove one of the two, or give the new shape a type of its own")
		case k.Upcasts[from].lacksFunc:
			return k.wrong(field, "is a Rewrite with a nil function: give it one, or use Rename")
		case len(k.Upcasts[from].To) == 0 && !k.Upcasts[from].drop:
			return k.wrong(field, "has an empty To: list the types it leads to, or use Drop to pass the event over")
		case k.Upcasts[from].Func == nil && len(k.Upcasts[from].To) > 1:
			return k.wrong(field, "lists several types and has no Func: list one, or give it a Func")
		}
		if fault := k.Upcasts.fault(from, known, nil); fault != "" {
			return k.wrong(field, fault)
		}
	}
	return nil
}

func (k *kind[S]) checkState() error {
	if k.Definition.Clone != nil {
		k.clone = func(s S) (S, error) { return k.Definition.Clone(s), nil }
	} else {
		clone, err := deepcopy.Of[S]()
		if err != nil {
			fault := &deepcopy.Fault{Path: "S", Reason: err.Error()}
			_ = errors.As(err, &fault)
			return k.wrong(fault.Path, fault.Reason)
		}
		if clone != nil {
			k.clone = func(s S) (S, error) {
				s, err := clone(s)
				if err != nil {
					err = during("clone of the state", err)
				}
				return s, err
			}
		}
	}
	if k.PrepareSnapshot == nil || k.UseSnapshot == nil {
		if lost := jsonform.Lost(reflect.TypeFor[S]()); lost != nil {
			return k.wrong(lost.Path, lost.Reason+", or set PrepareSnapshot and UseSnapshot")
		}
	}
	return nil
}

// checkInitial makes the state before the first event once, to see that it can be made.
func (k *kind[S]) checkInitial() error {
	s, err := k.initial()
	if err != nil {
		return k.wrong("Initial", "gives no state: "+bareText(err))
	}
	if !nilState(s) {
		return nil
	}
	if k.Initial == nil {
		return k.wrong("Initial", fmt.Sprintf("is missing, and without it the state is a nil %T: return a new one at each call, or let S be a struct", s))
	}
	return k.wrong("Initial", fmt.Sprintf("returns a nil %T: return a new one at each call", s))
}

// nilState reports whether s is a nil pointer or map, which no handler could work with.
func nilState[S any](s S) bool {
	v := reflect.ValueOf(&s).Elem()
	return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Map) && v.IsNil()
}

func (k *kind[S]) checkRest() error {
	for i, p := range k.Projections {
		if isNil(p) {
			return k.wrong(fmt.Sprintf("Projections[%d]", i), "is nil: leave it out")
		}
	}
	if k.Snapshots.Every < 0 || k.Snapshots.AfterReplay < 0 {
		return k.wrong("Snapshots", "is negative: use 0 for never")
	}
	if k.SnapshotVersion < 0 {
		return k.wrong("SnapshotVersion", "is negative: use 0 or more")
	}
	return nil
}

func checkTable[S, H any](k *kind[S], name string, table map[string]H, of string) error {
	if len(table) == 0 {
		return k.wrong(name, "is empty: list at least one "+of+" handler")
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		field := fmt.Sprintf("%s[%q]", name, key)
		if fault := typestring.Fault(key); fault != "" {
			return k.wrong(field, fault+": "+nameRemedy)
		}
		if isNil(table[key]) {
			return k.wrong(field, "is nil: give it a handler")
		}
		if m, ok := any(table[key]).(interface{ fault() string }); ok {
			return k.wrong(field, m.fault())
		}
	}
	return nil
}

// isNil reports whether v is nil, or a function or pointer that is.
func isNil(v any) bool {
	switch v := reflect.ValueOf(v); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Func, reflect.Pointer:
		return v.IsNil()
	}
	return false
}

const nameRemedy = "use 1 to 256 bytes of UTF-8"

// initial returns the state before the first event.
func (k *kind[S]) initial() (s S, err error) {
	if k.Initial == nil {
		return s, nil
	}
	defer panics.Recover(&err)
	// Copied, for an Initial that returns the same map each time would make one state of all
	// aggregates.
	return k.copied(k.Initial())
}

// copied returns a state that shares no memory with s.
func (k *kind[S]) copied(s S) (_ S, err error) {
	if k.clone == nil {
		return s, nil
	}
	defer panics.Recover(&err)
	return k.clone(s)
}
