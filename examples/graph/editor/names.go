package editor

import (
	"context"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
)

// Names is the index from names to graphs: it keeps every name unique and lists what there is. A
// projection writes it in the transaction that commits the events, so it is never behind them and
// can refuse them. There is one for each kind of store, in the two files beside this one.
type Names interface {
	// Projection is to be given to [Definition].
	Projection() store.Projection

	// All returns the graphs, the newest first.
	All(ctx context.Context) ([]Named, error)
}

// Named is a graph in the index.
type Named struct {
	ID   hlc.Timestamp
	Name string
}
