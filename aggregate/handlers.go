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
	"github.com/eventmaestro/maestro/internal/flatjson"
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
	// Eval returns the events that the command leads to, none if it changes nothing, or an
	// error that refuses it. It runs in the aggregate's goroutine and should be quick; it runs
	// again when another process was first, and so must have no effect beside its result.
	// ctx is the caller's.
	Eval(ctx context.Context, current Instance[S], command types.Command) ([]types.Uncommitted, error)
}

// EventHandler brings a state forward by events of one type.
type EventHandler[S any] interface {
	// Apply returns the state after the event. It must depend on nothing but its arguments.
	// It may modify state in place and return it. An error says that the event can't be applied:
	// a new event is then refused, and a stored one makes the log unreadable at its place, so
	// whatever can be refused is to be refused by the command handler.
	Apply(state S, event types.Event) (S, error)
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

// Command makes a CommandHandler of a function that takes the command's data as the Go type
// C. Data may be a C, a pointer to one, or a json.RawMessage that decodes into one without unknown
// fields; nil is taken where C has no fields. Anything else is refused with an *InvalidDataError.
func Command[S, C any](f func(context.Context, Instance[S], C) ([]types.Uncommitted, error)) CommandHandler[S] {
	if f == nil {
		return nil
	}
	return CommandFunc[S](func(ctx context.Context, current Instance[S], command types.Command) ([]types.Uncommitted, error) {
		data, err := dataAs[C](command)
		if err != nil {
			return nil, err
		}
		return f(ctx, current, data)
	})
}

// Event makes an EventHandler of a function that takes the event's body decoded into the Go
// type E. Fields of the body that E lacks are ignored.
func Event[S, E any](f func(S, E) S) EventHandler[S] {
	if f == nil {
		return nil
	}
	plain := flatjson.New(reflect.TypeFor[E]())
	return EventFunc[S](func(state S, event types.Event) (S, error) {
		var body E
		if plain != nil {
			if plain.Decode(event.Body, reflect.ValueOf(&body).Elem()) {
				return f(state, body), nil
			}
			body = *new(E)
		}
		if err := json.Unmarshal(event.Body, &body); err != nil {
			return state, fmt.Errorf("decode the body into %T: %w", body, err)
		}
		return f(state, body), nil
	})
}

func dataAs[C any](command types.Command) (C, error) {
	switch d := command.Data.(type) {
	case C:
		return d, nil
	case *C:
		if d != nil {
			return *d, nil
		}
	case json.RawMessage:
		return decodeData[C](command.Type, d)
	case nil:
		if t := reflect.TypeFor[C](); t.Kind() == reflect.Struct && t.NumField() == 0 {
			return *new(C), nil
		}
	}
	return *new(C), &InvalidDataError{Type: command.Type, Want: reflect.TypeFor[C]().String(), Got: fmt.Sprintf("%T", command.Data)}
}

func decodeData[C any](commandType string, raw json.RawMessage) (C, error) {
	var c C
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(&c)
	if err == nil {
		if _, extra := d.Token(); !errors.Is(extra, io.EOF) {
			err = errors.New("more than one JSON value")
		}
	}
	if err != nil {
		return *new(C), &InvalidDataError{Type: commandType, Want: reflect.TypeFor[C]().String(), Got: "json.RawMessage", Err: err}
	}
	return c, nil
}
