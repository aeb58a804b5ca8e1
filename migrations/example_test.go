package migrations_test

import (
	"fmt"

	"github.com/eventmaestro/maestro/migrations"
)

// A program whose event log Maestro made can be given the optional parts alone.
func ExampleUp() {
	sql, err := migrations.Up(&migrations.Options{Schema: "Ledger", Metadata: true, Extend: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(sql)
	// Output:
	// -- What an event carries besides its body: correlation, causation, command id.
	// -- The column may be NULL, so processes that do not know of it go on as before.
	// ALTER TABLE "Ledger".event_log ADD COLUMN metadata jsonb;
}

func ExampleDown() {
	sql, err := migrations.Down(&migrations.Options{Partitions: 16, Commands: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(sql)
	// Output:
	// DROP TABLE commands;
	//
	// DROP TABLE snapshots;
	//
	// DROP TABLE event_log;
}
