// Package memory is the [store.Adapter] without a database: for unit tests, and for
// programs that need no log after they end. It is the executable specification of
// the contract: what is promised there is what happens here, conflicts, refused
// bodies and copies included. It is written to be read; commit.go comes first.
//
// Read the package's example; then [NewTable], where your aggregates have projections.
//
// # What is kept
//
// Bodies are kept in the form in which PostgreSQL's jsonb type prints them, and what
// jsonb refuses is refused, so that a test against this package and a program on
// a database see the same bytes. Timestamps are unique in the whole store.
// Nothing is ever forgotten but pruned command IDs and redacted bodies: the store grows until it is garbage.
//
// # Concurrency
//
// One lock guards all that is stored, for as long as a commit takes. No code of the application runs
// under it: commits with projections are a transaction each, and wait for one another in a line.
//
// # Projections
//
// A [Projection] runs with the commit and writes into a [Table]. Its rows are staged, and readers see all of
// them once the events are stored, or none. Projections of another kind, such as those for
// Postgres, are skipped.
//
// # Transactions
//
// [Store.BeginTx] starts a [Tx], of the application or of the library.
//
// # What a database may do
//
// [Store.Checkpoint] lets a store go back, as after a failover, for tests of what happens then.
package memory
