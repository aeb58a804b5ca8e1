// Package postgres keeps events in PostgreSQL, through a pgx pool that the application owns.
//
// Read the example of [New]; then [Store.Validate], to call at a program's start, [BatchProjection] for
// tables that are never behind the events, and [Store.Tx] for a command in a transaction of your own.
// Package migrations makes the tables.
//
// # What a commit costs
//
// A commit without projections is one statement, and the rows it stored are counted inside of
// that statement, so that half a commit can never stay. Commits of different aggregates that wait
// at the same moment share a statement; a lone one waits for nobody. What a shared statement
// trips over, such as a body that jsonb refuses or a row that another transaction holds, costs only the commit
// that brought it.
//
// Which statement that is depends on whether there have been conflicts of late (conflicts.go): a plain INSERT is the fastest, and
// falls back to one that leaves out what is in conflict. A conflict after a while without one costs one statement
// more, and one line in the server's log.
//
// A commit with projections is one transaction. [BatchProjection] queues its statements, so
// that events and projection rows travel in one round trip and crowds share a transaction; [Projection] is given
// the transaction and may read.
//
// # What it needs
//
// The tables that package migrations makes, plain, partitioned or made by Maestro itself, in any
// schema. It works at READ COMMITTED, in every query mode of pgx that the pool may
// be set to, and through a proxy that pools transactions. It sets nothing on a connection that outlives its
// transaction, and it runs no goroutine while no call is under way.
//
// A pool asks a connection that was idle for a second whether it is alive, which is a round trip before the commit's own;
// pgxpool.Config.ShouldPing turns that off. It is safe to: a commit on a dead connection is an unknown outcome,
// which the library resolves.
package postgres
