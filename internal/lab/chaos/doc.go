// Command chaos injures everything that a commit rests on, and checks that nothing is lost, nothing
// stored twice, nothing out of order and nobody told an untruth.
//
// It starts a real Postgres with fsync on, a proxy in front of it that understands the protocol,
// and several writer processes with many goroutines on shared aggregates. While they write it cuts
// connections at every message of a commit and of its answer, terminates backends, stops the server
// as a crash would and starts it again, kills writers with SIGKILL, and turns their clocks. What
// callers asked and were told stands in files outside of the database; in the end these are
// compared with the log.
//
//	go run ./internal/lab/chaos -short                 a minute or two: the round of CI
//	go run ./internal/lab/chaos -cuts 20000            until there were so many
//	go run ./internal/lab/chaos -duration 1h -writers 8
//
// It prints one line, a breakdown by kind of fault, and what it found; it exits with 1 if it found
// anything. docs/reliability.md says what is counted as what.
package main
