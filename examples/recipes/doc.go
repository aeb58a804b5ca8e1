// Package recipes holds nothing but examples: how the parts of the library are put to use. Each is
// run by the tests, those whose name ends in SQL on a Postgres, and all others on the store in
// memory and on a Postgres, where they have to print the same.
//
//	idle_test.go         what becomes of aggregates that nobody asks for, a bound on those in memory
//	snapshots_test.go    by hand, every so many events, in a shape of one's own
//	upcasts_test.go      events of older types
//	timetravel_test.go   the state as it was, and the log
//	metadata_test.go     who did it and why
//	commandid_test.go    a command that may arrive twice
//	expected_test.go     a decision that rests on what somebody saw
//	projection_test.go   rows that are written with the events
//	rebuild_test.go      the same rows, anew, while the program goes on
//	outbox_test.go       messages to the outside
//	tail_test.go         a search index behind the writers, rebuilt while they go on
//	transaction_test.go  a command as part of the application's transaction
//	inspect_test.go      a log that can't be read, a body that has to go
//	watched_test.go      hooks and the logger
//	partitions_test.go   a log in 64 partitions
//	slots_test.go        aggregates on several servers; a slot moved from one to another under load
package recipes
