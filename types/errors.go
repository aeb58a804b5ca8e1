package types

import (
	"fmt"
)

// OptionsError says which field of an Options struct is wrong, and the remedy.
type OptionsError struct {
	Package string // the package of the options, such as "postgres"
	Field   string // such as "Options.MaxBatch"
	Reason  string // what is wrong with it, and what is right
}

func (e *OptionsError) Error() string { return fmt.Sprintf("%s: %s %s", e.Package, e.Field, e.Reason) }

// PanicError is a panic of a handler, a projection or other code of the application, found with
// errors.As in what the caller gets. What is around it says where. Of a handler's or a projection's
// command nothing was stored. If something else panics in an adapter, such as a tracer of the
// driver, the panic is the cause behind store.ErrOutcomeUnknown, or behind store.ErrUnavailable if
// nothing was sent yet.
type PanicError struct {
	Value any    // what was passed to panic; an error if runtime.Goexit ended the goroutine
	Stack []byte // the stack at the panic, as debug.Stack formats it
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
