// Package memory is the [store.Adapter] without a database: for unit tests, and for programs that
// need no log after they end. It is the executable specification of the contract, including
// conflicts, refused bodies and copies. It is written to be read: store.go says what is kept,
// read.go what can be seen, commit.go what is refused, tx.go and lines.go what a transaction is,
// and change.go what else is stored. Tables, projections and tails are for applications' tests.
//
// Read the package's example. If your aggregates have projections, read [NewTable] next.
//
// # What is kept
//
// Bodies are kept in the form in which PostgreSQL's jsonb type prints them, and what jsonb refuses
// is refused. So a test with this package and a program with a database see the same bytes.
// Timestamps are unique in the whole store. The store forgets only pruned command IDs and redacted
// bodies, so it grows until it is garbage.
//
// # Concurrency
//
// One lock guards everything that is stored, for as long as a commit takes. No code of the
// application runs under it. Commits with projections are a transaction each, and wait for one
// another in a line.
//
// # Projections
//
// A [Projection] runs with the commit and writes into a [Table]. Its rows are staged: once the
// events are stored readers see all of the rows, before that none. Projections of another kind,
// such as those for Postgres, are skipped.
//
// # Transactions
//
// [Store.BeginTx] starts a [Tx], of the application or of the library.
//
// # What a database may do
//
// [Store.Checkpoint] lets a store go back, as after a failover, for tests of what happens then.
package memory
