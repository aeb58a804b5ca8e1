package memory

import (
	"errors"
	"fmt"
)

var (
	// ErrExists is returned by [Rows.Insert] when the table has a row with that key.
	ErrExists = errors.New("memory: row exists")

	// ErrTxDone is returned by the methods of a [Tx] that has been committed or rolled back, and of the adapter in it.
	ErrTxDone = errors.New("memory: transaction has ended")
)

// PanicError is the cause in the *store.ProjectionError of a projection that panicked.
type PanicError struct {
	Value any    // what was given to panic
	Stack []byte // the stack at that place, as [runtime/debug.Stack] prints it
}

func (e *PanicError) Error() string { return fmt.Sprintf("memory: projection panicked: %v", e.Value) }

// Unwrap returns the value if it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
