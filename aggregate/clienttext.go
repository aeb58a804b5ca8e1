package aggregate

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/eventmaestro/maestro/store"
)

// ClientText returns what to tell the client of a command or a read that failed: a sentence without
// Go types, ids of other aggregates or words of the database. It is "" for an error that does not
// concern the client. The text of the error itself belongs in the log in any case.
func ClientText(err error) string {
	if rejected, ok := errors.AsType[*RejectedError](err); ok {
		return rejected.Message
	}
	if data, ok := errors.AsType[*invalidDataError](err); ok {
		return dataText(data)
	}
	if handler, ok := errors.AsType[*unknownCommandError](err); ok {
		return fmt.Sprintf("there is no command %s", quoted(handler.command))
	}
	if moved, ok := errors.AsType[*UnexpectedSequenceError](err); ok {
		return fmt.Sprintf("it has changed: it is at %d, not at %d", moved.Actual, moved.Expected)
	}
	for sentinel, text := range map[error]string{
		ErrNoAggregate:          "there is none with this id",
		ErrInvalidID:            "the id is missing",
		ErrOtherRoot:            "there is none with this id",
		ErrCommandReused:        "the key was used for another command",
		store.ErrOutcomeUnknown: "it is not known whether it was done: send it again with the same key",
	} {
		if errors.Is(err, sentinel) {
			return text
		}
	}
	return ""
}

// dataText says what is wrong with data in the words of JSON.
func dataText(e *invalidDataError) string {
	if field, ok := errors.AsType[*json.UnmarshalTypeError](e.err); ok {
		text := "the data"
		if field.Field != "" {
			text = "field " + quoted(field.Field)
		}
		return fmt.Sprintf("%s is a JSON %s, want %s", text, field.Value, jsonWord(field.Type))
	}
	switch {
	case e.err == nil:
		return fmt.Sprintf("command %s takes other data", quoted(e.command))
	case strings.HasPrefix(e.err.Error(), "json: unknown field "):
		return strings.TrimPrefix(e.err.Error(), "json: ")
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](e.err); ok {
		return fmt.Sprintf("the data is not JSON near byte %d", syntax.Offset)
	}
	return "the data can't be read"
}

// jsonWord is what JSON calls a value of a Go type.
func jsonWord(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "another value"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number of %d bits", t.Bits())
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "another value"
}
