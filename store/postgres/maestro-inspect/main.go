// The command maestro-inspect prints the log of one aggregate and says what is wrong with it. It
// needs nothing but the database: no program that knows the aggregate's events.
//
//	go run github.com/eventmaestro/maestro/store/postgres/maestro-inspect@latest -database URL ID
//
// It is package inspect without definitions, so it can't replay the events: see there for what it
// finds, and for the same command with your own definitions, which compares the snapshot with a
// replay.
package main

import "github.com/eventmaestro/maestro/store/postgres/inspect"

func main() { inspect.Main() }
