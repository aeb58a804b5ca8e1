package editor

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// memoryNames is a table of the in-memory store, by name.
type memoryNames struct {
	table *memory.Table[string, hlc.Timestamp]
}

// NewMemoryNames returns the index for graphs in s.
func NewMemoryNames(s *memory.Store) Names {
	return memoryNames{memory.NewTable[string, hlc.Timestamp](s)}
}

// Projection writes the table. Insert refuses a name that is taken, and with it the commit.
func (n memoryNames) Projection() store.Projection {
	return memory.Projection(func(_ context.Context, tx *memory.ProjectionTx, e types.Event) error {
		rows := n.table.In(tx)
		switch e.Type {
		case "graph_created":
			var body GraphCreated
			if err := json.Unmarshal(e.Body, &body); err != nil {
				return err
			}
			return taken(rows.Insert(body.Name, e.AggregateID))
		case "graph_renamed":
			var body GraphRenamed
			if err := json.Unmarshal(e.Body, &body); err != nil {
				return err
			}
			rows.Delete(body.Was)
			return taken(rows.Insert(body.Name, e.AggregateID))
		}
		return nil // every projection sees every event
	})
}

// taken is the answer to a command whose name could not be inserted.
func taken(err error) error {
	if errors.Is(err, memory.ErrExists) {
		return errNameTaken
	}
	return err
}

// All sorts by id: ids are timestamps, and sort as time does.
func (n memoryNames) All(context.Context) ([]Named, error) {
	var all []Named
	for name, id := range n.table.All() {
		all = append(all, Named{ID: id, Name: name})
	}
	slices.SortFunc(all, func(a, b Named) int { return b.ID.Compare(a.ID) })
	return all, nil
}
