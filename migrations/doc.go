// Package migrations holds the SQL of the event store's tables, and puts it into a database or
// beside an app's other migrations.
//
// A real program keeps the SQL among its own migrations. The command maestro-migrations, below this
// package, writes it there, in the file naming of goose, golang-migrate, tern, dbmate or as plain
// SQL:
//
//	go get -tool github.com/eventmaestro/maestro/migrations/maestro-migrations
//	go tool maestro-migrations -format goose -dir db/migrations
//
// Read the package's example for the SQL, and [Options] for its variants.
//
// [Apply] makes the tables at once, for tests and small programs. [Validate] compares a database
// with what the store needs, and names the DDL for what is missing.
//
// The tables event_log and snapshots are those that Maestro, the Elixir library, makes, either
// plain or hash-partitioned. So programs in both languages can share a database. What this library
// keeps beyond them is in optional parts that Maestro's own processes do not see: the metadata of
// events, the ids of commands and the places of tails.
package migrations
