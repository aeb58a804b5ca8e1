package migrations_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/migrations"
)

// The SQL of the tables, to be read or to be put among other migrations by hand. The command
// maestro-migrations writes it as a file.
func Example() {
	up, err := migrations.Up(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(up)
	// Output:
	// -- The events. "timestamp" and aggregate_id are hybrid logical clock timestamps
	// -- of 16 bytes; the unique (aggregate_id, sequence) is what decides between two
	// -- writers.
	// CREATE TABLE event_log (
	//     "timestamp" bytea NOT NULL,
	//     aggregate_id bytea NOT NULL,
	//     sequence integer NOT NULL,
	//     type character varying(256) NOT NULL,
	//     body jsonb NOT NULL,
	//     CONSTRAINT hlc_field_aggregate_id_size CHECK (length(aggregate_id) = 16),
	//     CONSTRAINT hlc_field_timestamp_size CHECK (length("timestamp") = 16),
	//     CONSTRAINT sequence CHECK (sequence > 0),
	//     CONSTRAINT event_log_pkey PRIMARY KEY ("timestamp")
	// );
	//
	// CREATE UNIQUE INDEX aggregate_sequence_index ON event_log (aggregate_id, sequence);
	//
	// -- The snapshots: one row an aggregate, replaced by newer ones only.
	// CREATE TABLE snapshots (
	//     aggregate_id bytea NOT NULL,
	//     sequence integer NOT NULL,
	//     body jsonb NOT NULL,
	//     CONSTRAINT hlc_field_aggregate_id_size CHECK (length(aggregate_id) = 16),
	//     CONSTRAINT snapshots_pkey PRIMARY KEY (aggregate_id)
	// );
}

// A small program makes its tables at each start; there is no migration to apply.
func ExampleApply() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "postgres://localhost/bank")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	if err := migrations.Apply(ctx, pool, nil); err != nil {
		fmt.Println(err)
	}
}

// What is missing, and the DDL that ends it.
func ExampleValidate() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "postgres://localhost/bank")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	err = migrations.Validate(ctx, pool, &migrations.Options{Metadata: true})
	var invalid *migrations.ValidateError
	if errors.As(err, &invalid) {
		for _, problem := range invalid.Problems {
			fmt.Println(problem.Object, problem.Reason)
			fmt.Println(problem.DDL)
		}
	}
}
