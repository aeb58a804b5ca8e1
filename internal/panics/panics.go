// Package panics turns panics of an application's code into errors.
package panics

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/eventmaestro/maestro/types"
)

// ErrGoexit is the value of the error for code that ended its goroutine instead of panicking.
var ErrGoexit = errors.New("the code ended its goroutine with runtime.Goexit, as t.FailNow does")

// New returns the error for what recover returned.
func New(value any) *types.PanicError { return &types.PanicError{Value: value, Stack: debug.Stack()} }

// Recover is deferred around a call of the application's code. It turns a panic into *err, which
// matches the errors in as too.
func Recover(err *error, as ...error) {
	if v := recover(); v != nil {
		*err = New(v)
		for _, sentinel := range as {
			*err = fmt.Errorf("%w: %w", sentinel, *err)
		}
	}
}
