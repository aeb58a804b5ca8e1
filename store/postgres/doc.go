// Package postgres keeps events in PostgreSQL, through a pgx pool that the application owns.
//
// Read the example of [New] first. Then read [Store.Validate], to call at a program's start,
// [BatchProjection] for tables that are never behind the events, and [Store.Tx] for a command in a
// transaction of your own. Package migrations makes the tables.
//
// # What a commit costs
//
// A commit without projections is one statement. The rows that it stored are counted within that
// statement, so half a commit can never stay. Commits of different aggregates that wait at the same
// moment share a statement; a lone commit waits for nobody. A body that jsonb refuses, or a row
// that another transaction holds, costs only the commit that brought it.
//
// The kind of statement depends on whether there were conflicts lately (conflicts.go). A plain
// INSERT is the fastest. After a conflict the store uses a statement that leaves out what is in
// conflict. The first conflict after a while costs one more statement, and one line in the server's
// log.
//
// A commit with projections is one transaction. [BatchProjection] queues its statements, so events
// and projection rows travel in one round trip, and commits that wait share a transaction.
// [Projection] gets the transaction, and can read.
//
// # What it needs
//
// It needs the tables that package migrations makes, plain, partitioned or made by Maestro itself,
// in any schema. It works at READ COMMITTED, in every query mode of pgx that the pool may be set
// to, and through a proxy that pools transactions. It leaves no setting on a connection after a
// transaction has ended, and it runs no goroutine while no call is under way.
//
// A pool asks a connection that was idle for a second whether it is alive. This is a round trip
// before the commit's own, and pgxpool.Config.ShouldPing turns it off. That is safe: a commit on a
// dead connection is an unknown outcome, which the library resolves.
package postgres

// The ways to commit have files of their own; commit.go chooses among them:
//
//	shared, shared_isolate     a statement of all that wait; the search for the commit that spoils it
//	batched                    a transaction of all that wait and have batched projections only
//	single                     one commit on its own, where a crowd could not decide
//	single_projected           the same, whose projections use the transaction
//	caller_tx                  a savepoint in a transaction of the application
//	own_…                      a transaction of the library over several aggregates
//	routed, routed_sql, …_gap  a distributed database: a transaction for each aggregate, pipelined
//
// What they have in common: combiner (who waits, who sends), insert and sql (the statements),
// conflicts (which of them), news and refusal (why a commit was not stored), translate (what an
// error says). tail_… is the cursor over the log, and what has no such name reads: load, follow,
// replica, snapshot, commands.
