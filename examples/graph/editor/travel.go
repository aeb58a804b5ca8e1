package editor

import (
	"encoding/json"
	"iter"
	"slices"

	"github.com/eventmaestro/maestro/types"
)

// Travel reads from a graph's whole history where undo and redo lead: to which sequence, or 0 where
// there is nothing to undo or redo. It knows nothing that the events don't say, so every process
// and every page agrees on it, also after a restart.
func Travel(history []types.Event) (undo, redo types.Sequence) {
	var past, future []types.Sequence // to go back to and forward to, the nearest one last
	var at types.Sequence             // which moment the graph looks like
	for step := range steps(history) {
		to := revertedTo(step[0])
		switch {
		case to > 0 && slices.Contains(past, to):
			past, future = move(past, future, at, to)
			at = to
		case to > 0 && slices.Contains(future, to):
			future, past = move(future, past, at, to)
			at = to
		default: // an edit, or a jump to a time that undo had left behind
			if at > 0 {
				past = append(past, at)
			}
			future = nil
			at = step[len(step)-1].Sequence
			if to > 0 {
				at = to
			}
		}
	}
	return last(past), last(future)
}

// move takes moments from one stack, up to and with to, and puts those on the way onto the other.
func move(from, onto []types.Sequence, at, to types.Sequence) (_, _ []types.Sequence) {
	for at != to {
		onto = append(onto, at)
		at = last(from)
		from = from[:len(from)-1]
	}
	return from, onto
}

func last(s []types.Sequence) types.Sequence {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1]
}

// steps yields the events command by command: one undo takes back what one command did.
func steps(history []types.Event) iter.Seq[[]types.Event] {
	return func(yield func([]types.Event) bool) {
		for len(history) > 0 {
			n := 1
			id := history[0].Metadata.CommandID
			for id != "" && n < len(history) && history[n].Metadata.CommandID == id {
				n++
			}
			if !yield(history[:n]) {
				return
			}
			history = history[n:]
		}
	}
}

// revertedTo returns where a graph_reverted leads, 0 for other events.
func revertedTo(e types.Event) types.Sequence {
	var body GraphReverted
	if e.Type != "graph_reverted" || json.Unmarshal(e.Body, &body) != nil {
		return 0
	}
	return body.To
}
