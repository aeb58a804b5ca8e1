package editor

import (
	"errors"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNoGraph is returned for a command to a graph that was never created.
var ErrNoGraph = errors.New("graph: there is no such graph")

// errNoPast refuses a revert_graph that did not come from [Revert].
var errNoPast = errors.New("graph: revert_graph needs the graph as it was: use Revert")

// uniqueViolation is what Postgres says of a second row with one key.
const uniqueViolation = "23505"

// IsNameTaken reports whether a command was refused because another graph has the name. The store
// hands on what the projection met, so it is asked for in the words of both stores.
func IsNameTaken(err error) bool {
	var projection *store.ProjectionError
	if !errors.As(err, &projection) {
		return false
	}
	var pgErr *pgconn.PgError
	return errors.Is(err, memory.ErrExists) || errors.As(err, &pgErr) && pgErr.Code == uniqueViolation
}
