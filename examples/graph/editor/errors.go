package editor

import (
	"errors"

	"github.com/eventmaestro/maestro/aggregate"
)

// ErrNoGraph is returned for a command to a graph that was never created.
var ErrNoGraph = errors.New("graph: there is no such graph")

// errNoPast refuses a revert_graph that did not come from [Revert].
var errNoPast = errors.New("graph: revert_graph needs the graph as it was: use Revert")

// errNameTaken is what the index of names refuses a command with.
var errNameTaken = aggregate.Reject("Another graph has this name.")

// IsNameTaken reports whether a command was refused because another graph has the name.
func IsNameTaken(err error) bool { return errors.Is(err, errNameTaken) }
