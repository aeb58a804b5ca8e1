package editor

import "github.com/eventmaestro/maestro/types"

// RevertTo returns the data of a revert_graph that brings along what the graph was.
func RevertTo(to types.Sequence, past Graph) RevertGraph { return RevertGraph{To: to, past: &past} }

// ErrNoPast is what a revert_graph without it is refused with.
var ErrNoPast = errNoPast
