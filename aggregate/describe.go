package aggregate

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/eventmaestro/maestro/internal/jsonschema"
)

// Description says what a definition takes, stores and refuses, as data. Package catalogue makes
// documents of it.
type Description struct {
	Name     string
	Commands []MessageDescription // by type
	Events   []MessageDescription // by type
	Upcasts  []UpcastDescription  // by type

	// State is the JSON Schema of the state, which a snapshot holds. It is nil if PrepareSnapshot
	// makes another form of the state.
	State json.RawMessage

	// Projections are in the order of the definition.
	Projections []ProjectionDescription
}

// MessageDescription is a type of command or event.
type MessageDescription struct {
	Type string

	// GoType is what the data or body is decoded into, such as "shop.Order"; empty for a handler
	// that isn't [Typed].
	GoType string

	// Schema is the JSON Schema of the data or body, draft 2020-12; nil if GoType is empty. No
	// field is required: a missing field is zero. A command's object with another field is refused.
	Schema json.RawMessage
}

// UpcastDescription is a type of event that older versions of the program stored.
type UpcastDescription struct {
	Type string
	To   []string // as which types it is read; none if it is passed over

	// Schema is that of the body if the upcast leaves the body alone. Otherwise it is nil, because
	// Go doesn't know the old shape.
	Schema json.RawMessage
}

// ProjectionDescription is a projection.
type ProjectionDescription struct {
	Store string // of which kind of store it is

	// Refusals are the texts that senders of commands get for its constraints, by the constraint's
	// name; see postgres.Refusals.
	Refusals map[string]string
}

// Describe checks d, as NewRoot does, and says what is in it. What is wrong is a *DefinitionError.
func Describe[S any](d Definition[S]) (Description, error) {
	k, err := compile(d)
	if err != nil {
		return Description{}, err
	}
	about := Description{Name: k.Name, Commands: described(k.Commands, true), Events: described(k.Events, false)}
	if k.PrepareSnapshot == nil {
		about.State = jsonschema.Of(k.stateType(), false)
	}
	for _, from := range slices.Sorted(maps.Keys(k.Upcasts)) {
		about.Upcasts = append(about.Upcasts, UpcastDescription{Type: from, To: slices.Clone(k.Upcasts[from].To), Schema: k.oldSchema(from)})
	}
	for _, p := range k.Projections {
		about.Projections = append(about.Projections, ProjectionDescription{Store: p.StoreKind(), Refusals: refusalsOf(p)})
	}
	return about, nil
}

// described describes the handlers of a table. A field that a command's data lacks a name for is
// refused, strictly.
func described[H any](table map[string]H, strict bool) (all []MessageDescription) {
	for _, key := range slices.Sorted(maps.Keys(table)) {
		m := MessageDescription{Type: key}
		if t := goTypeOf(table[key]); t != nil {
			m.GoType, m.Schema = t.String(), jsonschema.Of(t, strict)
		}
		all = append(all, m)
	}
	return all
}

// goTypeOf is the type that a handler decodes into, or nil.
func goTypeOf(handler any) reflect.Type {
	if typed, ok := handler.(Typed); ok {
		return typed.GoType()
	}
	return nil
}

// oldSchema follows upcasts that leave the body alone. NewRoot made sure that they come to an end.
func (k *kind[S]) oldSchema(from string) json.RawMessage {
	u, old := k.Upcasts[from]
	switch {
	case old && (u.Func != nil || len(u.To) == 0):
		return nil
	case old:
		return k.oldSchema(u.To[0])
	}
	if t := goTypeOf(k.Events[from]); t != nil {
		return jsonschema.Of(t, false)
	}
	return nil
}

// refusalsOf asks a projection for what its constraints mean, in the texts for clients where it has
// them.
func refusalsOf(p any) map[string]string {
	says, ok := p.(interface{ Refusals() map[string]error })
	if !ok {
		return nil
	}
	texts := map[string]string{}
	for constraint, means := range says.Refusals() {
		if texts[constraint] = ClientText(means); texts[constraint] == "" {
			texts[constraint] = means.Error()
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return texts
}
