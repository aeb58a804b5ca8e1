// Package memory is the [store.Adapter] without a database: for unit tests, and for
// programs that need no log after they end. It is the executable specification of
// the contract: what is promised there is what happens here, conflicts, refused
// bodies and copies included.
//
// Read the package's example; then [NewTable], where your aggregates have projections.
//
// # What is kept
//
// Bodies are kept in the form in which PostgreSQL's jsonb type prints them, and what
// jsonb refuses is refused, so that a test against this package and a program on
// a database see the same bytes. Timestamps are unique in the whole store. A commit that
// leaves a gap before its first event is [store.ErrInvalidEvent]; other adapters need not notice.
// Nothing is ever forgotten but pruned command IDs and redacted bodies: the store grows until it is garbage.
//
// # Concurrency
//
// Commits of different aggregates do not wait for one another: aggregates are spread over locks
// by their ids, timestamps over others. Only commits with projections are serialised, and a commit
// without waits for one with, on the same aggregate.
//
// # Projections
//
// A [Projection] runs with the commit and writes into a [Table]. Its rows are staged, and readers see all of
// them once the events are stored, or none. Projections of another kind, such as those for
// Postgres, are skipped.
//
// # Transactions
//
// [Store.Begin] starts a transaction of the application, which [Tx] describes; [Store.Tx] gives it to the library.
package memory
