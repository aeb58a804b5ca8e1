package aggregate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/body/flatjson"
	"github.com/eventmaestro/maestro/types"
)

// Instance is one aggregate as a handler sees it.
type Instance[S any] struct {
	// ID names the aggregate.
	ID hlc.Timestamp

	// Sequence is that of the last event State contains; 0 before the first.
	Sequence types.Sequence

	// State must not be modified by a command handler; changes are made by events.
	State S
}

// CommandHandler decides about commands of one type.
type CommandHandler[S any] interface {
	// Eval returns the resulting events, none if the command changes nothing, or an error that
	// refuses the command. It runs in the aggregate's goroutine and should be quick. It runs again
	// if another process was first, so it must have no effect but its result. It must not call its
	// own aggregate by a method of Root: the call would block until its context ends. ctx is the
	// caller's.
	Eval(ctx context.Context, current Instance[S], command types.Command) ([]types.Uncommitted, error)
}

// EventHandler brings a state forward by events of one type.
type EventHandler[S any] interface {
	// Apply returns the state after the event. It must depend on nothing but its arguments. It may
	// modify state in place and return it. An error means that the event can't be applied: a new
	// event is then refused, and a stored one makes the log unreadable from there on. So let the
	// command handler refuse whatever may be refused.
	Apply(state S, event types.Event) (S, error)
}

// Typed is an optional capability of a handler: it says as which Go type the handler reads a
// command's data or an event's body. Handlers made by Command and Event have it. Describe and
// aggregatetest.Golden use it.
type Typed interface {
	GoType() reflect.Type
}

// Commands is a root's table from command type to handler.
type Commands[S any] map[string]CommandHandler[S]

// Events is a root's table from event type to handler.
type Events[S any] map[string]EventHandler[S]

// CommandFunc is a CommandHandler that takes the command as it came.
type CommandFunc[S any] func(context.Context, Instance[S], types.Command) ([]types.Uncommitted, error)

// Eval calls f.
func (f CommandFunc[S]) Eval(ctx context.Context, current Instance[S], command types.Command) ([]types.Uncommitted, error) {
	return f(ctx, current, command)
}

// EventFunc is an EventHandler that takes the event as it is stored.
type EventFunc[S any] func(S, types.Event) (S, error)

// Apply calls f.
func (f EventFunc[S]) Apply(state S, event types.Event) (S, error) { return f(state, event) }

// Command makes a CommandHandler of a function that takes the command's data as the Go type C. Data
// may be a C, a pointer to one, or a json.RawMessage that decodes into one without unknown fields.
// It may be nil if C has no fields. Anything else is refused with ErrInvalidData.
func Command[S, C any](f func(context.Context, Instance[S], C) ([]types.Uncommitted, error)) CommandHandler[S] {
	if f == nil {
		return nil
	}
	if data := reflect.TypeFor[C](); data == reflect.TypeFor[types.Command]() || data == reflect.TypeFor[*types.Command]() {
		return misfit[S]{"takes " + data.String() + " as its data: use CommandFunc"}
	}
	return typedCommand[S, C]{f}
}

// typedCommand is what Command makes.
type typedCommand[S, C any] struct {
	f func(context.Context, Instance[S], C) ([]types.Uncommitted, error)
}

// Eval decodes the data and calls the function.
func (h typedCommand[S, C]) Eval(ctx context.Context, current Instance[S], command types.Command) ([]types.Uncommitted, error) {
	data, err := dataAs[C](command)
	if err != nil {
		return nil, err
	}
	return h.f(ctx, current, data)
}

// GoType is the type of the command's data.
func (typedCommand[S, C]) GoType() reflect.Type { return reflect.TypeFor[C]() }

// given is what the function is given.
func (typedCommand[S, C]) given(command types.Command) (any, error) { return dataAs[C](command) }

// Event makes an EventHandler of a function that takes the event's body decoded into the Go
// type E. Fields of the body that E lacks are ignored.
func Event[S, E any](f func(S, E) S) EventHandler[S] {
	if f == nil {
		return nil
	}
	if body := reflect.TypeFor[E](); body == reflect.TypeFor[types.Event]() || body == reflect.TypeFor[*types.Event]() {
		return misfit[S]{"takes " + body.String() + " as its body: use EventFunc"}
	}
	return typedEvent[S, E]{f, flatjson.New(reflect.TypeFor[E]())}
}

// typedEvent is what Event makes.
type typedEvent[S, E any] struct {
	f     func(S, E) S
	plain *flatjson.Decoder // nil for a type that only encoding/json can decode
}

// Apply decodes the body and calls the function.
func (h typedEvent[S, E]) Apply(state S, event types.Event) (S, error) {
	var body E
	if h.plain != nil {
		if h.plain.Decode(event.Body, reflect.ValueOf(&body).Elem()) {
			return h.f(state, body), nil
		}
		body = *new(E)
	}
	if err := json.Unmarshal(event.Body, &body); err != nil {
		return state, fmt.Errorf("decode the body into %T: %w", body, err)
	}
	return h.f(state, body), nil
}

// GoType is the type of the event's body.
func (typedEvent[S, E]) GoType() reflect.Type { return reflect.TypeFor[E]() }

func dataAs[C any](command types.Command) (C, error) {
	switch d := command.Data.(type) {
	case C:
		return d, nil
	case *C:
		if d != nil {
			return *d, nil
		}
	case json.RawMessage:
		if !bytes.Equal(bytes.TrimSpace(d), []byte("null")) {
			return decodeData[C](command.Type, d)
		}
		return noData[C](command, "null")
	case []byte: // C is another type, or this is not reached
		reason := "data is a []byte, want " + reflect.TypeFor[C]().String() + ": for JSON use json.RawMessage"
		return *new(C), &invalidDataError{command: command.Type, reason: reason}
	case nil:
		return noData[C](command, "nil")
	}
	got := fmt.Sprintf("%T", command.Data)
	if v := reflect.ValueOf(command.Data); v.Kind() == reflect.Pointer && v.IsNil() {
		got = "a nil " + got
	}
	return *new(C), wrongData[C](command.Type, got, nil)
}

// noData is the data of a command without data, if its handler takes none.
func noData[C any](command types.Command, got string) (C, error) {
	if t := reflect.TypeFor[C](); t.Kind() == reflect.Struct && t.NumField() == 0 {
		return *new(C), nil
	}
	return *new(C), wrongData[C](command.Type, got, nil)
}

func wrongData[C any](commandType, got string, err error) error {
	return &invalidDataError{command: commandType, reason: "data is " + got + ", want " + reflect.TypeFor[C]().String(), err: err}
}

func decodeData[C any](commandType string, raw json.RawMessage) (C, error) {
	var c C
	if len(bytes.TrimSpace(raw)) == 0 {
		return c, wrongData[C](commandType, "an empty json.RawMessage", nil)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(&c)
	if err == nil {
		if _, extra := d.Token(); !errors.Is(extra, io.EOF) {
			err = errors.New("more than one JSON value")
		}
	}
	if err != nil {
		return *new(C), wrongData[C](commandType, "a json.RawMessage", err)
	}
	return c, nil
}

// misfit stands in a table for a handler that can't be what was meant; NewRoot refuses it.
type misfit[S any] struct{ reason string }

func (m misfit[S]) fault() string { return m.reason }

// Eval is never called.
func (m misfit[S]) Eval(context.Context, Instance[S], types.Command) ([]types.Uncommitted, error) {
	return nil, errors.New(m.reason)
}

// Apply is never called.
func (m misfit[S]) Apply(state S, _ types.Event) (S, error) { return state, errors.New(m.reason) }

// Handler is a command handler with the type that it is for. Handle makes it, for CommandsOf.
type Handler[S any] struct {
	commandType string
	handler     CommandHandler[S]
}

// Handle is Command for data that names its own type: the handler is listed under the type that
// Root.Send sends. The zero value of C is asked for it; where C is a pointer, a new value.
func Handle[S any, C types.CommandData](f func(context.Context, Instance[S], C) ([]types.Uncommitted, error)) Handler[S] {
	var c C
	switch t := reflect.TypeFor[C](); t.Kind() {
	case reflect.Interface:
		return Handler[S]{t.String(), misfit[S]{"is for an interface, which has no type of its own: use Command"}}
	case reflect.Pointer:
		c = reflect.New(t.Elem()).Interface().(C)
	}
	return Handler[S]{c.CommandType(), Command(f)}
}

// CommandsOf returns the table of some handlers. Further ones can be added to it, as to any map. A
// type that is listed twice is refused by NewRoot.
func CommandsOf[S any](handlers ...Handler[S]) Commands[S] {
	table := make(Commands[S], len(handlers))
	for _, h := range handlers {
		if _, twice := table[h.commandType]; twice {
			h.handler = misfit[S]{"is listed twice: each type has one handler"}
		}
		table[h.commandType] = h.handler
	}
	return table
}
