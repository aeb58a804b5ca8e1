package inspect

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// Kind is a kind of aggregate whose log can be replayed. Of makes one.
type Kind struct {
	name   string
	knows  func(eventType string) bool
	replay func(context.Context, store.Adapter, hlc.Timestamp) (replayed, error)
}

// replayed is what a replay found: an event that can't be applied, by its sequence, and what is
// wrong with the snapshot.
type replayed struct {
	unreadable map[types.Sequence]error
	snapshot   error
	compared   bool // the snapshot with the state that the log gives
}

// Of returns the kind of a definition. A definition that aggregate.NewRoot would refuse is told of
// when it is used.
func Of[S any](d aggregate.Definition[S]) Kind {
	k := Kind{name: d.Name}
	if k.name == "" {
		k.name = reflect.TypeFor[S]().String()
	}
	k.knows = func(eventType string) bool {
		_, older := d.Upcasts[eventType]
		return older || d.Events[eventType] != nil
	}
	k.replay = func(ctx context.Context, a store.Adapter, id hlc.Timestamp) (replayed, error) {
		d.Projections = nil // of stores that are not this one, perhaps
		sup, err := aggregate.NewSupervisor(a, nil)
		if err != nil {
			return replayed{}, err
		}
		defer func() { _ = sup.Shutdown(context.WithoutCancel(ctx)) }()
		root, err := aggregate.NewRoot(sup, d)
		if err != nil {
			return replayed{}, err
		}
		found, err := root.Inspect(ctx, id)
		if err != nil {
			return replayed{}, err
		}
		r := replayed{unreadable: map[types.Sequence]error{}}
		for _, f := range found.Faults {
			if f.Kind == aggregate.FaultUnreadable {
				r.unreadable[f.Sequence] = f.Err
			}
		}
		if s := found.Snapshot; s != nil {
			r.snapshot, r.compared = s.Err, s.FromLog != nil
		}
		return r, nil
	}
	return k
}

func names(kinds []Kind) string {
	var all []string
	for _, k := range kinds {
		all = append(all, k.name)
	}
	return strings.Join(all, ", ")
}

func named(kinds []Kind, name string) []Kind {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.name == name })
	if i < 0 {
		return nil
	}
	return kinds[i : i+1]
}

// knowing returns the first kind that knows an event type.
func knowing(kinds []Kind, eventType string) *Kind {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.knows(eventType) })
	if i < 0 {
		return nil
	}
	return &kinds[i]
}
