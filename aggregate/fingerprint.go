package aggregate

import (
	"crypto/sha256"
	"fmt"
	"reflect"

	"github.com/eventmaestro/maestro/internal/jsonform"
	"github.com/eventmaestro/maestro/internal/panics"
	"github.com/eventmaestro/maestro/types"
)

// Identifier is a command's data that decides when two commands with the same ID are the same.
// Without it all of the data is compared, as the handler gets it.
type Identifier interface {
	// Identity returns what is compared, such as the data without the time at which a server
	// received it. It must depend on nothing but the data. A difference in what it leaves out is
	// not noticed: the first outcome is returned.
	Identity() any
}

// fingerprint is a hash of what a handler is given. It stays what it was where the command's type gets a new field, whose zero
// value is the same as its absence, and where a name in JSON changes its case.
func fingerprint(command types.Command, handler any) (sum [32]byte, err error) {
	defer panics.Recover(&err)
	data := command.Data
	if h, ok := handler.(interface {
		given(types.Command) (any, error)
	}); ok {
		if data, err = h.given(command); err != nil {
			return sum, err
		}
	}
	if i, ok := identifierOf(data); ok {
		data = i.Identity()
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q ", command.Type)
	if err := jsonform.Digest(h, reflect.ValueOf(data)); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// identifierOf finds the method behind a value and behind a pointer to it.
func identifierOf(data any) (Identifier, bool) {
	if i, ok := data.(Identifier); ok || data == nil {
		return i, ok
	}
	p := reflect.New(reflect.TypeOf(data))
	p.Elem().Set(reflect.ValueOf(data))
	i, ok := p.Interface().(Identifier)
	return i, ok
}
