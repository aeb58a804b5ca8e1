package editor

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// createNames makes the table. A real program keeps it among its other migrations.
//
//go:embed names.sql
var createNames string

// postgresNames is the table graph_names.
type postgresNames struct {
	pool *pgxpool.Pool
}

// NewPostgresNames makes the table if it is missing and returns the index.
func NewPostgresNames(ctx context.Context, pool *pgxpool.Pool) (Names, error) {
	if _, err := pool.Exec(ctx, createNames); err != nil {
		return nil, fmt.Errorf("graph: create the index of names: %w", err)
	}
	return postgresNames{pool}, nil
}

// Projection is PostgresProjection.
func (postgresNames) Projection() store.Projection { return PostgresProjection() }

// PostgresProjection queues its statements, so that they go to the database in the round trip of
// the events. The table's primary key refuses a name that is taken, and with it the command.
func PostgresProjection() store.Projection {
	return postgres.BatchProjection(func(b *pgx.Batch, e types.Event) error {
		switch e.Type {
		case "graph_created":
			var body GraphCreated
			if err := json.Unmarshal(e.Body, &body); err != nil {
				return err
			}
			b.Queue("INSERT INTO graph_names (name, graph_id) VALUES ($1, $2)", body.Name, e.AggregateID)
		case "graph_renamed":
			var body GraphRenamed
			if err := json.Unmarshal(e.Body, &body); err != nil {
				return err
			}
			b.Queue("UPDATE graph_names SET name = $1 WHERE graph_id = $2", body.Name, e.AggregateID)
		}
		return nil // every projection sees every event
	}, postgres.Refusals{"graph_names_pkey": errNameTaken})
}

// All sorts by id: ids are timestamps, and sort as time does.
func (n postgresNames) All(ctx context.Context) ([]Named, error) {
	rows, err := n.pool.Query(ctx, "SELECT graph_id, name FROM graph_names ORDER BY graph_id DESC")
	if err != nil {
		return nil, fmt.Errorf("graph: list the names: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Named])
}
