// Command bench measures the library beside its limits. Run it with
//
//	go run ./internal/lab/bench
//
// It starts a PostgreSQL of its own that writes as one in production does, measures each
// case and its limit in turns (limit, ours, limit, ours …), and prints one line a case with the
// medians of all rounds. A figure that stands alone says something about a machine; the ratio of
// two that were measured side by side says something about the library.
//
// docs/performance.md says how to read the lines, docs/lab/performance.md what the cases ask.
package main
